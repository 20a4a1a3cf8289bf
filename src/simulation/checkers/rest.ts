import type { Checker } from "./checker.ts";

/** In the end nothing waits for anything. */
export const rest: Checker = {
  name: "rest",
  check: ({ waiting }) => waiting,
};
