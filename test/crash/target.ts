import type { State } from "./observed.ts";

/**
 * What can be done to a target's processes and to what they need.
 * - `processes`: one or all of them are killed (-9) and started again.
 * - `stop`: one is stopped for longer than it owns its work, and goes on as if nothing had been (SIGSTOP, SIGCONT).
 * - `storage-full`: nothing can be stored for a while.
 * - `network`: every connection goes through `route`, where the harness cuts, delays and half-opens it.
 */
export type Ability = "processes" | "stop" | "storage-full" | "network";

/** A TCP address on this machine. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface WorldOptions {
  /** How many processes serve. */
  readonly processes: number;
  /** Of the round's seed, for choices of the target's own. Uniform in [0, 1). */
  readonly random: () => number;
  /** Where handlers report what they see before they do anything: one POST of a `Sighting` as JSON, until it gets a 2xx. */
  readonly recorder: string;
  /**
   * The address to use instead of `upstream`, for the whole life of the world: of each process for clients, and of whatever
   * else the target wants to see broken (its store, its bus). `upstream` is asked for each connection; `undefined`: nobody
   * is there. `isKept`: connections are kept for many requests.
   */
  readonly route: (name: string, upstream: () => Address | undefined, isKept?: boolean) => Promise<Address>;
}

/** The crashing app (app.ts), served on a store of its own, which is empty at first. Processes are counted from 0. */
export interface World {
  /** One per process, as `route` told; they stay the same when processes are started again. */
  readonly urls: readonly string[];
  /** Ends it at once, without any chance to tidy up. Also where it is stopped. */
  kill(process: number): Promise<void>;
  /** Starts one that was killed; resolves when it serves. */
  restart(process: number): Promise<void>;
  suspend(process: number): Promise<void>;
  /** Lets it go on; tells how many consumers others have taken meanwhile. */
  resume(process: number): Promise<number>;
  /**
   * Leaves no room to the processes that run. When it resolves, `nothing` more can be stored at all, or `little` that needs
   * no more room.
   */
  fill(): Promise<"nothing" | "little">;
  makeRoom(): Promise<void>;
  /** Puts a message into the queue `jobs`; false if it is not known to be there: the same again does not double it. */
  send(job: string): Promise<boolean>;
  /** What is stored, as whoever opened the store now would see it. */
  state(): Promise<State>;
  /**
   * Shuts all processes down in order. What they did unasked comes back, described: an end of their own, an exit code
   * that is not 0. `state` works on until `remove`.
   */
  close(): Promise<readonly string[]>;
  /** Ends whatever runs, removes whatever is stored. Repeatable. */
  remove(): Promise<void>;
}

/**
 * What the rounds run against. A new one is a folder beside local/ that exports a factory of this, named in main.ts: it
 * serves app.ts with a `see` that posts to the recorder, reads its own store for `state`, and says which abilities it
 * has; rounds of the others are left out, with the reason. Workload, faults, proxy and checkers are the same for all.
 */
export interface Target {
  readonly name: string;
  /** What it cannot do, and why. */
  readonly lacks: ReadonlyMap<Ability, string>;
  /** How long a process owns its deliveries without renewing that, in real milliseconds. */
  readonly leaseMs: number;
  /** How much faster time goes for its processes than for clients. */
  readonly speed: number;
  /** How many clients there are. */
  readonly clients: number;
  /** After how long without an answer they try again, real milliseconds. */
  readonly attemptTimeoutMs: number;
  /** How long everything may take to come right once nothing is broken any more, real milliseconds. */
  readonly recoveryTimeoutMs: number;
  open(options: WorldOptions): Promise<World>;
  close(): Promise<void>;
}
