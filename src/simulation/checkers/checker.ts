import type { Evidence } from "../evidence.ts";

/** One promise, looked for in what was stored and observed; knows nothing of the workload. */
export interface Checker {
  readonly name: string;
  /** What is wrong, a line each; nothing if all is well. */
  check(evidence: Evidence): readonly string[];
}
