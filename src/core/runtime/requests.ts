import type { CommandDefinition } from "../entity/definition.ts";
import type { Issue } from "../entity/schema.ts";
import type { Principal } from "../entity/types.ts";
import type { JsonValue } from "../json.ts";
import type { KeyStanding } from "../journal/key-window.ts";
import type { PendingTimer } from "../journal/format.ts";
import type { Key, KeyOrigin } from "../journal/keys.ts";
import type { Span } from "./telemetry.ts";

/** Where a command comes from, for logs, traces and the audit trail. All optional; bounded by the host. */
export interface Context {
  /** Id that all effects of one cause share, 1 to 128 printable characters. Default: the entry's own id. */
  readonly correlation?: string;
  /** Id of the event, message or timer that caused the command. */
  readonly causation?: string;
  /** W3C traceparent. */
  readonly trace?: string;
}

export interface CommandRequest {
  readonly entity: string;
  readonly id: string;
  readonly command: string;
  /** JSON value; `undefined` where the command has no input. */
  readonly input?: unknown;
  /** Instead of `input`: reads it, called after the caller was authorised. */
  readonly readInput?: () => Promise<unknown>;
  readonly key?: string;
  /** Default `foreign`. */
  readonly keyOrigin?: KeyOrigin;
  /** Refused with `version-mismatch` unless the stream holds exactly that many events, or any at all. */
  readonly expectedVersion?: number | "existing";
  readonly principal: Principal;
  /** Epoch milliseconds; past it the command is refused if it has not been appended. */
  readonly deadline?: number;
  readonly context?: Context;
  /**
   * The timer that has fired and runs the command: refused with `timer-superseded` if it is not pending any more in that
   * generation; else it is pending no longer, whatever the command decides.
   */
  readonly timer?: FiredTimer;
}

export interface FiredTimer {
  readonly name: string;
  /** The id of the entry that set it. */
  readonly generation: string;
}

/** An entity as it is now. */
export interface Read {
  readonly state: JsonValue;
  readonly version: number;
  readonly timers: ReadonlyMap<string, PendingTimer>;
}

/** The answer to a command. A rejection is an answer; everything else that goes wrong is thrown. */
export type Outcome =
  | { readonly ok: true; readonly reply: JsonValue | undefined; readonly version: number; readonly replayed: boolean }
  | {
      readonly ok: false;
      readonly code: string;
      readonly message: string;
      /** HTTP status, 400 to 499. */
      readonly status: number;
      readonly version: number;
      readonly replayed: boolean;
    };

export interface ViewRequest {
  readonly entity: string;
  readonly id: string;
  readonly principal: Principal;
}

/** What an entity's queue holds. */
export type Item = CommandItem | ViewItem;

interface Settle<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

export interface CommandItem extends Settle<Outcome> {
  readonly kind: "command";
  readonly command: CommandDefinition;
  readonly rawInput: JsonValue | undefined;
  /** What the schema made of it, or why it refused. */
  readonly validated: { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly Issue[] };
  readonly key: Key | undefined;
  /** Of command and raw input; present with a key. */
  readonly fingerprint: string | undefined;
  readonly expectedVersion: number | "existing" | undefined;
  readonly principal: Principal;
  readonly deadline: number;
  readonly context: Context;
  readonly timer: FiredTimer | undefined;
  /** Where somebody wants to see it. */
  readonly span: Pick<Span, "within"> | undefined;
  /** Where the key stands, for the round that looked. */
  standing: KeyStanding | undefined;
  /** What `prepare` returned. While it runs the item belongs to nobody's group. */
  prepared: { readonly value: unknown } | "running" | undefined;
}

/** A read of the entity as it is now. */
export interface ViewItem extends Settle<Read> {
  readonly kind: "view";
}
