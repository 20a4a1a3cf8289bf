import { boundedNumbers, type Bounds } from "../bounds.ts";
import { checkName, checkOptions } from "../entity/names.ts";
import type { System } from "../runtime/system.ts";
import { connect, type Connection } from "./reach.ts";
import { retryPolicy, type RetryOptions, type RetryPolicy } from "../retry.ts";

/** How something outside is asked. Each has a default; times are milliseconds. */
export interface DependencyOptions {
  /** How long one attempt may take, 1 to 900,000. Default 5,000; less where the caller's deadline is nearer. */
  readonly timeoutMs?: number;
  /** Default: 3 attempts, 100 ms before the second, 2,000 at most. */
  readonly retry?: RetryOptions;
  /** Retries of all its calls together: so many at once, and one more for every ten calls. 0 to 10,000, default 10. */
  readonly retriesMax?: number;
  /** Failures in a row that open its circuit: 1 to 1,000, default 5. */
  readonly failuresMax?: number;
  /** How long nobody asks it then, until one call finds out whether it is back: 1 to 3,600,000, default 10,000. */
  readonly openMs?: number;
}

export interface DependencyPolicy extends Required<Omit<DependencyOptions, "retry">> {
  readonly retry: RetryPolicy;
}

/** Something outside that may be slow or down, and is asked through `reach`. */
export interface Dependency {
  readonly name: string;
  /** Made once in each process. In here, so that a bundle without dependencies has nothing of it. */
  readonly connect: (system: System) => Connection;
}

const bounds: Bounds<Exclude<keyof DependencyOptions, "retry">> = {
  timeoutMs: [1, 5_000, 900_000],
  retriesMax: [0, 10, 10_000],
  failuresMax: [1, 5, 1_000],
  openMs: [1, 10_000, 3_600_000],
};

const optionNames: ReadonlySet<string> = new Set([...Object.keys(bounds), "retry"]);

/**
 * Declares something outside that handlers, steps and `prepare` ask: `const bank = dependency("bank", { timeoutMs: 2_000 })`, then
 * `await reach(bank, ({ headers, signal }) => fetch(url, { headers, signal }))`. One for each endpoint that may fail by
 * itself: each has a circuit and a budget of its own, in each process.
 * @throws HoldfastError `invalid-declaration`
 */
export function dependency(name: string, options: DependencyOptions = {}): Dependency {
  const what = `dependency "${name}"`;
  checkName("Dependency", name);
  checkOptions(what, options, optionNames);
  const { retry, ...numbers } = options;
  const defaults = { attempts: 3, firstMs: 100, maxMs: 2_000 };
  const policy: DependencyPolicy = {
    ...boundedNumbers(what, bounds, numbers),
    retry: retryPolicy(what, retry, defaults),
  };
  return { name, connect: (system) => connect(name, policy, system) };
}
