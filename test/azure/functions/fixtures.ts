import { HoldfastError } from "holdfast";

export { createFixture } from "../../http/fixtures.ts";

/** What a store says that cannot be reached. */
export function refused(message: string): HoldfastError {
  return new HoldfastError("journal-failed", message, { retry: "later" });
}
