import { HoldfastError } from "../errors.ts";
import { defaultKeyWindow, type KeyWindowLimits } from "../journal/key-window.ts";

/** Every bound of the runtime, with its unit. The same on all targets: what cannot be published cannot be committed. */
export interface Limits {
  /** JSON of one event's data, bytes of UTF-8. */
  readonly eventBytesMax: number;
  /** One record: all that is appended at once, bytes of UTF-8. */
  readonly recordBytesMax: number;
  /** JSON of an entity's state, bytes of UTF-8. */
  readonly stateBytesMax: number;
  /** Timers of one entity that are pending at once. */
  readonly timersMax: number;
  /** Commands and views of one instance that are under way at once; more are refused with `overloaded`. */
  readonly requestsMax: number;
  /** Commands and views that wait for the same entity; more are refused with `overloaded`. */
  readonly requestsPerEntityMax: number;
  /**
   * How long a command may have to wait for the store, by how fast that is at the moment; more are refused with
   * `overloaded`. Commands of the system (handlers, timers, calls without a principal) are not: they belong to what was
   * let in already.
   */
  readonly storeWaitMs: number;
  /** Commands that are decided and appended together. */
  readonly groupMax: number;
  /** How long `prepare` may take, where the deadline leaves it that long. */
  readonly prepareMs: number;
  /** How often a group is decided anew because another instance was faster. */
  readonly conflictsMax: number;
  /** How long an append whose outcome is unknown is tried again before the caller is told so. */
  readonly settleMs: number;
  readonly cacheEntitiesMax: number;
  /** Estimated bytes of all cached state. */
  readonly cacheBytesMax: number;
  /** A cached entity is loaded anew after this time. */
  readonly cacheMs: number;
  readonly keys: KeyWindowLimits;
}

export const defaultLimits: Limits = {
  eventBytesMax: 128 * 1024,
  recordBytesMax: 200 * 1024,
  stateBytesMax: 1024 * 1024,
  timersMax: 1_000,
  requestsMax: 4_096,
  requestsPerEntityMax: 1_024,
  storeWaitMs: 1_000,
  groupMax: 256,
  prepareMs: 30_000,
  conflictsMax: 20,
  settleMs: 5_000,
  cacheEntitiesMax: 10_000,
  cacheBytesMax: 64 * 1024 * 1024,
  cacheMs: 15 * 60_000,
  keys: defaultKeyWindow,
};

/**
 * The defaults with what is given.
 * @throws HoldfastError `invalid-options` for an unknown limit, or one that is no whole number of at least 1 (0 for
 * times)
 */
export function checkedLimits(given: Partial<Limits>): Limits {
  const limits: Limits = { ...defaultLimits, ...given };
  const numbers = { ...limits, ...limits.keys };
  const known: ReadonlySet<string> = new Set([...Object.keys(defaultLimits), ...Object.keys(defaultKeyWindow)]);
  for (const [name, value] of Object.entries(numbers)) {
    if (!known.has(name)) throw new HoldfastError("invalid-options", `Unknown limit "${name}".`);
    if (name === "keys" || (Number.isSafeInteger(value) && Number(value) >= (name.endsWith("Ms") ? 0 : 1))) continue;
    throw new HoldfastError(
      "invalid-options",
      `The limit "${name}" is ${String(value)}; it must be a whole number from 1.`,
    );
  }
  return limits;
}
