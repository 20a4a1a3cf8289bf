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
  /** Commands that are decided and appended together. */
  readonly groupMax: number;
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
  groupMax: 256,
  conflictsMax: 20,
  settleMs: 5_000,
  cacheEntitiesMax: 10_000,
  cacheBytesMax: 64 * 1024 * 1024,
  cacheMs: 15 * 60_000,
  keys: defaultKeyWindow,
};
