import { HoldfastError } from "../core/errors.ts";
import type { DeadLetterStore, MessageStore, PositionedRecord, ReplayStore } from "../core/delivery/port.ts";
import type { Horizon, Journal, Snapshot, StoredKey, StoredRecord, StreamId } from "../core/journal/port.ts";
import { createMemoryMessages } from "./messages.ts";

interface Stream {
  readonly id: string;
  readonly records: StoredRecord[];
  /** Of each record, in the order of all commits. */
  readonly positions: number[];
  snapshot: Snapshot | undefined;
  horizon: Horizon;
  /** By the sequence of the snapshot that they came with. */
  readonly pages: Map<number, readonly StoredKey[]>;
}

/** A journal with what waits to be delivered beside it. */
export interface MemoryJournal extends Journal, MessageStore, DeadLetterStore, ReplayStore {}

/**
 * A journal in this process's memory, for tests and simulations; it keeps its keys in pages, as stores without a
 * secondary index do. Nothing is durable. What is stored is a frozen copy, so no caller can change what is stored.
 */
export function createMemoryJournal(): MemoryJournal {
  const streams = new Map<string, Map<string, Stream>>();
  const commits: { readonly stream: StreamId; readonly found: Stream; readonly sequence: number }[] = [];
  const messages = createMemoryMessages({
    head: () => commits.length,
    lastSequence: (stream, position) => {
      const positions = find(stream)?.positions ?? [];
      return positions.findLastIndex((at) => at <= position) + 1;
    },
    isErased: (stream) => find(stream)?.snapshot?.revision === Number.MAX_SAFE_INTEGER,
  });

  function find({ tenant, entity, id }: StreamId): Stream | undefined {
    return streams.get(`${tenant}/${entity}`)?.get(id);
  }

  function findOrCreate(stream: StreamId): Stream {
    const name = `${stream.tenant}/${stream.entity}`;
    const ofEntity = streams.get(name) ?? new Map<string, Stream>();
    streams.set(name, ofEntity);
    const found = ofEntity.get(stream.id);
    if (found) return found;
    const created: Stream = {
      id: stream.id,
      records: [],
      positions: [],
      snapshot: undefined,
      horizon: { foreign: 0, derived: 0 },
      pages: new Map(),
    };
    ofEntity.set(stream.id, created);
    return created;
  }

  return {
    ...messages,
    async recordsAfter(position, limit) {
      return commits.slice(position, position + limit).map(
        ({ stream, found, sequence }, i): PositionedRecord => ({
          position: position + i + 1,
          stream,
          // It was stored there.
          record: found.records[sequence - 1] as StoredRecord,
        }),
      );
    },
    keys: {
      kind: "pages",
      async load(stream, from, to) {
        const pages = [...(find(stream)?.pages ?? [])];
        return pages.filter(([sequence]) => sequence >= from && sequence <= to).map(([, keys]) => keys);
      },
    },
    async load(stream, after) {
      const found = find(stream);
      if (found === undefined) return { records: [] };
      const { snapshot, horizon, records } = found;
      if (after !== undefined) return { records: records.slice(after) };
      if (snapshot === undefined) return { records: records.slice() };
      return { snapshot: { ...snapshot, horizon }, records: records.slice(snapshot.sequence) };
    },
    async append({ stream, record }) {
      const found = findOrCreate(stream);
      const { records, positions } = found;
      const standing = records[record.sequence - 1];
      if (standing) return standing.id === record.id ? "stored" : "taken";
      if (record.sequence !== records.length + 1 || record.previous !== (records.at(-1)?.id ?? "")) {
        throw new HoldfastError(
          "journal-corrupt",
          `Record ${record.sequence - 1}, behind which an append belongs, is not there.`,
        );
      }
      const stored = Object.freeze({ ...record });
      records.push(stored);
      commits.push({ stream, found, sequence: record.sequence });
      positions.push(commits.length);
      messages.notify("records", [{ position: commits.length, stream, record: stored }]);
      return "stored";
    },
    async record(stream, sequence) {
      return find(stream)?.records[sequence - 1];
    },
    async history(stream, { after, limit }) {
      return find(stream)?.records.slice(after, after + limit) ?? [];
    },
    async saveSnapshot(stream, snapshot, keys) {
      const found = findOrCreate(stream);
      // Erased: nothing of it comes back.
      if (found.snapshot?.revision === Number.MAX_SAFE_INTEGER) return;
      if (keys?.page) found.pages.set(keys.page.sequence, frozenKeys(keys.page.keys));
      found.horizon = Object.freeze({
        foreign: Math.max(found.horizon.foreign, snapshot.horizon.foreign),
        derived: Math.max(found.horizon.derived, snapshot.horizon.derived),
      });
      if (isNewer(snapshot, found.snapshot)) found.snapshot = Object.freeze({ ...snapshot });
    },
    async streams({ tenant, entity, after, limit }) {
      const ids = [...(streams.get(`${tenant}/${entity}`)?.values() ?? [])]
        .filter(({ records }) => records.length > 0)
        .map(({ id }) => Buffer.from(id))
        .toSorted((a, b) => Buffer.compare(a, b));
      const from = after === undefined ? 0 : ids.findIndex((id) => Buffer.compare(id, Buffer.from(after)) > 0);
      return from < 0 ? [] : ids.slice(from, from + limit).map((id) => id.toString());
    },
    async erase(stream, tombstone) {
      const found = find(stream);
      if (found === undefined) return;
      for (const [i, record] of found.records.entries()) {
        if (record.sequence < tombstone) found.records[i] = Object.freeze({ ...record, entries: "[]" });
      }
      found.pages.clear();
      messages.blank(stream);
    },
  };
}

function frozenKeys(keys: readonly StoredKey[]): readonly StoredKey[] {
  return Object.freeze(keys.map(([hash, sequence]): StoredKey => Object.freeze([hash, sequence] as const)));
}

function isNewer(snapshot: Snapshot, than: Snapshot | undefined): boolean {
  if (than === undefined || snapshot.revision > than.revision) return true;
  return snapshot.revision === than.revision && snapshot.sequence > than.sequence;
}
