import type { Name } from "./build.ts";

/**
 * What a start may load more than a bare handler with the same SDK clients that was built the same way. KB are 1,000 bytes.
 */
export const bounds: {
  readonly kb: number;
  readonly importMs: number;
  readonly deflatedKb: { readonly [name in Name]: number };
} = {
  /** The aim, for each function. */
  kb: 40,
  importMs: 15,
  /** What is held: nothing may grow unseen. */
  deflatedKb: { http: 53, stream: 46, queue: 64 },
};
