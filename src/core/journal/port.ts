/** Names a stream: the records of one entity. Unique as a triple; `tenant` comes from the principal, never from a path. */
export interface StreamId {
  /** `[a-z0-9-]{1,64}` */
  readonly tenant: string;
  /** The entity's name, `[a-zA-Z][a-zA-Z0-9-]{0,39}`. */
  readonly entity: string;
  /** 1 to 256 bytes of UTF-8. */
  readonly id: string;
}

/**
 * One slot of a stream as it is stored. The header is the adapter's to store as it likes;
 * `entries` is opaque to it (its format: docs/format.md).
 */
export interface StoredRecord {
  /** 1..n, dense: the conditional key. */
  readonly sequence: number;
  /** Unique; equals the id of the record's first entry. */
  readonly id: string;
  /** The id of the record at `sequence - 1`; empty at sequence 1. */
  readonly previous: string;
  /** Commit time by the writer's clock, epoch milliseconds; never decreases within a stream. */
  readonly time: number;
  /** How many events the stream holds up to and including this record. */
  readonly version: number;
  /** JSON text, at most 200 KiB as UTF-8; `"[]"` once erased. */
  readonly entries: string;
}

export interface Append {
  readonly stream: StreamId;
  readonly record: StoredRecord;
  /** Up to which sequence the writer knows the stream to be published; stores that are asked for it keep it with the record. */
  readonly published?: number;
}

/**
 * - `stored`: the record is durable at its sequence (this call wrote it, or an earlier attempt of it did: same id).
 * - `taken`: another record stands at that sequence; nothing was written.
 * - `unknown`: the write may or may not have happened, or may still happen.
 * A write that certainly did not happen throws (`retry: "later"` where that may pass).
 */
export type AppendResult = "stored" | "taken" | "unknown";

/** Newest commit time (epoch milliseconds) of a key that the entity has forgotten, by kind of key; 0 = none. */
export interface Horizon {
  readonly foreign: number;
  readonly derived: number;
}

/** A cache of the fold at a sequence. Only `body` is large; it is opaque to adapters (docs/format.md). */
export interface Snapshot {
  readonly sequence: number;
  /** The entity's revision whose `evolve` made the state. */
  readonly revision: number;
  readonly horizon: Horizon;
  readonly body: string;
}

/**
 * An idempotency key, as the first 22 characters of the base64url SHA-256 of it (132 bits), and the sequence of the
 * record that consumed it.
 */
export type StoredKey = readonly [hash: string, sequence: number];

/** The keys consumed by the records `from..sequence`, stored once, together with the snapshot at `sequence`. */
export interface KeyPage {
  readonly from: number;
  readonly sequence: number;
  /** Epoch milliseconds after which nobody asks for the page any more (a time-to-live may remove it). */
  readonly expires: number;
  readonly keys: readonly StoredKey[];
}

/** Records `from..to` (inclusive) whose keys of that kind are forgotten. */
export interface ForgottenKeys {
  readonly from: number;
  readonly to: number;
  readonly derived: boolean;
}

export interface Loaded {
  /** The newest snapshot; absent if there is none, or if `after` was given. */
  readonly snapshot?: Snapshot;
  /** All records after the snapshot (or after `after`), ascending and dense. */
  readonly records: readonly StoredRecord[];
  /** Up to which sequence the stream is published for sure, of stores that keep it; absent if `after` was given. */
  readonly published?: number;
}

/** For stores that can look a key up: `saveSnapshot` puts the page's keys into an index, `find` asks it. */
export interface KeyIndex {
  readonly kind: "index";
  /**
   * For each hash the sequence of the record that consumed it, if a page held it, and the horizon. A key that is being
   * forgotten meanwhile is either still found or covered by the returned horizon: read both at once, or the horizon last.
   */
  find(
    stream: StreamId,
    hashes: readonly string[],
  ): Promise<{ readonly sequences: readonly (number | undefined)[]; readonly horizon: Horizon }>;
}

/** For stores without a secondary index: pages stay as they are, beside the snapshots. */
export interface KeyPages {
  readonly kind: "pages";
  /** The pages whose `sequence` lies in `from..to`, in any order. One query. */
  load(stream: StreamId, from: number, to: number): Promise<readonly (readonly StoredKey[])[]>;
}

/**
 * An append-only store of streams. Every read is strong: it sees all writes that were acknowledged before it began.
 * Adapters prove themselves with `journalConformance` from `holdfast/testing`.
 */
export interface Journal {
  /** Declared capability: how idempotency keys of the past are found. */
  readonly keys: KeyIndex | KeyPages;

  /** Without `after`: the newest snapshot and the tail behind it. With it: the records after that sequence only. */
  load(stream: StreamId, after?: number): Promise<Loaded>;

  /**
   * Stores the record if its sequence is free and, where the store can tell, its predecessor stands before it (else
   * `journal-corrupt`: a stream has lost its end). Durable and atomic before `stored` is answered. Appends that are under
   * way at the same time may share one transaction; one that cannot be stored takes no other with it.
   */
  append(append: Append): Promise<AppendResult>;

  /** Point read. */
  record(stream: StreamId, sequence: number): Promise<StoredRecord | undefined>;

  /** Up to `limit` records after `after`, ascending. */
  history(
    stream: StreamId,
    range: { readonly after: number; readonly limit: number },
  ): Promise<readonly StoredRecord[]>;

  /**
   * Stores the page's keys, then the snapshot if it is newer than the stored one, newer being (revision, sequence) in
   * that order; an older one is dropped silently. Whoever sees the snapshot finds the keys. The stored horizon never
   * decreases. `forgotten` is what the snapshot no longer counts, whether or not the snapshot itself was newer: a key
   * index removes it before the promise resolves, and none of it before the horizon is raised. Pages may stay until they
   * expire. Behind a snapshot of the greatest revision (2^53 - 1: the stream is erased) nothing is stored any more, keys
   * included.
   *
   * Atomic is the snapshot with its horizon. Keys may come before it and go after it in several steps: where the process
   * dies in between, the index holds keys that nobody needs, which is harmless, and never lacks one that is needed.
   */
  saveSnapshot(
    stream: StreamId,
    snapshot: Snapshot,
    keys?: { readonly page?: KeyPage; readonly forgotten?: readonly ForgottenKeys[] },
  ): Promise<void>;

  /** Ids of an entity's streams in ascending UTF-8 order, after `after`. May be a scan: for tools only. */
  streams(range: {
    readonly tenant: string;
    readonly entity: string;
    readonly after?: string;
    readonly limit: number;
  }): Promise<readonly string[]>;

  /**
   * Blanks the payloads (`entries` becomes `"[]"`) of all records before sequence `tombstone` and removes the keys and
   * pages of the stream. The caller has replaced the snapshot by an empty one at `tombstone` with the greatest
   * revision, so that no late `saveSnapshot` brings erased state back. Slots, ids and times stay.
   *
   * Not atomic: readers may see some records blank and others not yet, and a failure may leave it half done. All of it
   * is durable when the promise resolves; until then, repeat it.
   */
  erase(stream: StreamId, tombstone: number): Promise<void>;
}
