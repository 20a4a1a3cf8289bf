import type { App } from "../core/app.ts";
import type { EntityRef, EntitySpec, Principal } from "../core/entity/types.ts";
import type { Limits } from "../core/runtime/limits.ts";
import type { Step } from "./client.ts";
import type { Faults } from "./faults.ts";
import type { Surroundings, Target } from "./target.ts";

/**
 * Puts something outside behind the same bad network: each call of its methods takes time, may fail, may happen although
 * it fails, may end the instance that calls. `name` is what traces show.
 */
export type Unreliable = <T extends object>(name: string, service: T) => T;

/** What a world is made of, besides the app and the seed. */
export interface WorldOptions<Services = undefined, Outside = undefined> {
  /** One step of one client: a few commands, reads or messages. What it throws of Holdfast's errors ends the step only. */
  readonly step: (step: Step) => unknown;
  /** One more step when nothing fails any more: work that must be done at once, however much still waits to be tried again. */
  readonly afterwards?: (step: Step) => unknown;
  /** Clients that work at the same time. Default 20. */
  readonly clients?: number;
  /** Steps of each client. Default 10. */
  readonly steps?: number;
  /** Instances of the app. Default 3. */
  readonly instances?: number;
  /** What lives outside of the app, as a payment gateway does; made once per world, and seen by `invariants`. */
  readonly outside?: () => Outside;
  /** What handlers and `prepare` get, made once per instance. */
  readonly services?: (outside: Outside, unreliable: Unreliable) => Services;
  /**
   * What must be true when all has come to rest, by name. It holds if it returns true or nothing, or a promise of that;
   * else it throws, or returns false or what is wrong.
   */
  readonly invariants?: { readonly [name: string]: (world: FinalWorld<Outside>) => unknown };
  /** Chances that differ from the defaults; `faults: "none"` switches all off. */
  readonly faults?: Partial<Faults> | "none";
  /** Newer code of the same app, which is rolled out while clients work, in some worlds. */
  readonly next?: App<unknown, Services>;
  readonly limits?: Partial<Limits>;
  /** On whose behalf clients act. Default: anonymous, of tenant `default`. */
  readonly principal?: Principal;
  /** Where state and messages are kept, made once per world: `createBrokerTarget`, say. Default: one store in memory. */
  readonly target?: (world: Surroundings) => Target;
}

/** A world in which all has come to rest. */
export interface FinalWorld<Outside = unknown> {
  /** What `outside` made. */
  readonly outside: Outside;
  /** What handlers were given up on: of poison, say. */
  readonly deadLetters: readonly FinalDeadLetter[];
  /** All entities of that type that have events, erased ones excepted. */
  entities<S extends EntitySpec>(entity: EntityRef<S>): readonly FinalEntity<S>[];
}

export interface FinalDeadLetter {
  /** `subscription:payment`, `queue:imports`, `sends`, `timers`, `timer:nightly` */
  readonly consumer: string;
  /** The entity that it is about: the event's, or the sender. */
  readonly entity?: string;
  readonly id?: string;
  readonly reason: string;
}

export interface FinalEntity<S extends EntitySpec = EntitySpec> {
  readonly id: string;
  readonly state: S["state"];
  readonly version: number;
  /** In their order. */
  readonly events: readonly FinalEvent<S>[];
}

export type FinalEvent<S extends EntitySpec> = {
  [T in keyof S["events"] & string]: { readonly type: T; readonly data: S["events"][T]; readonly time: number };
}[keyof S["events"] & string];

/** A violation: what is wrong, and who says so. */
export interface Violation {
  /** The checker's name, or `invariant <name>`. */
  readonly checker: string;
  readonly message: string;
}
