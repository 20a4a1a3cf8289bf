import type { StoredRecord, StreamId } from "holdfast";
import type { Sighting } from "./app.ts";
import type { Deed } from "./errand.ts";

/** What a target has stored: read for the checkers, without Holdfast's consumers and caches. */
export interface State {
  /** All that was committed; of each stream in the order of sequences. */
  readonly records: readonly { readonly stream: StreamId; readonly record: StoredRecord }[];
  readonly dead: readonly Dead[];
  /** What waits to be delivered, described; not the plan of the next tick. */
  readonly waiting: readonly string[];
}

export interface Dead {
  readonly consumer: string;
  readonly stream?: StreamId;
  readonly sequence?: number;
  readonly n?: number;
  readonly failures: { readonly attempts: number };
  readonly reason: { readonly code: string; readonly message: string };
}

/** What there is to see of deliveries when everything has come to rest. */
export interface Delivered extends State {
  /** In the order in which they were written down. */
  readonly sightings: readonly Sighting[];
  /** Marks of commands, and jobs, that were acknowledged. */
  readonly acknowledged: readonly string[];
  readonly jobs: readonly string[];
  /** How often a process, or what it needs, was taken away in the middle of something. */
  readonly interruptions: number;
}

/** A time span on the one clock of the process that tests, milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A command as its client knows it in the end: `span` begins before its first attempt. */
export interface Told {
  readonly entity: string;
  readonly id: string;
  readonly command: string;
  readonly key: string;
  readonly input: { readonly mark: string; readonly amount?: number; readonly [name: string]: unknown };
  readonly span: Span;
  /** Requests that were sent under its key until then. */
  readonly attempts: number;
  readonly result:
    | { readonly ok: true; readonly reply: unknown; readonly version: number; readonly replayed: boolean }
    | { readonly ok: false; readonly code: string; readonly version: number };
}

/** An entity as a client was shown it. */
export interface Shown {
  readonly id: string;
  readonly span: Span;
  readonly view: { readonly balance: number };
  readonly version: number;
}

/** A workflow as a client was shown it. */
export interface Watched {
  readonly id: string;
  readonly span: Span;
  readonly view: { readonly status: string; readonly output?: unknown };
  readonly version: number;
}

/** One answered request for a command, on the wire. */
export interface Wire {
  readonly key: string;
  readonly span: Span;
  readonly status: number;
  readonly replayed: boolean;
}

/** A time without room; `nothing`: nothing at all could be stored. */
export interface Full {
  readonly span: Span;
  readonly storable: "nothing" | "little";
}

/** Everything that a round leaves behind. */
export interface Observed extends Delivered {
  readonly told: readonly Told[];
  /** Of `account`, in any order. */
  readonly shown: readonly Shown[];
  /** Of `errand`, in any order. */
  readonly watched: readonly Watched[];
  /** What steps of workflows have done outside, in the order in which it was done. */
  readonly deeds: readonly Deed[];
  /** Commands that were answered before, sent again at the end. */
  readonly again: readonly Told[];
  readonly wire: readonly Wire[];
  /** When there was no room. */
  readonly full: readonly Full[];
  /** What is wrong by itself: an answer that must not be, a call without an end, a process that ended by itself. */
  readonly odd: readonly string[];
}
