import type { EntityDefinition } from "../entity/definition.ts";
import type { Journal, StreamId } from "../journal/port.ts";
import type { Backlog } from "./backlog.ts";
import type { Limits } from "./limits.ts";
import type { Live } from "./live.ts";
import type { CommandItem } from "./requests.ts";
import type { System } from "./system.ts";

/** The entity that a queue is for. */
export interface Target {
  readonly definition: EntityDefinition;
  readonly stream: StreamId;
  /** {@link streamKey} of the stream. */
  readonly key: string;
}

export interface CommitPorts {
  readonly journal: Journal;
  readonly system: System;
  readonly limits: Limits;
  readonly backlog: Backlog;
  /** The cached entity, unless it is too old. */
  cached(key: string): Live | undefined;
  keep(live: Live): void;
  drop(live: Live): void;
  /** A record was stored and folded. */
  stored(live: Live): void;
  /** Runs a command's `prepare`, outside the entity's queue, then queues it again. */
  prepare(live: Live, item: CommandItem): void;
  conflict(stream: StreamId): void;
}
