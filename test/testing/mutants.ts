import { HoldfastError, type Journal, type StoredRecord, type StreamId } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import type { StoredKey } from "../../src/core/journal/port.ts";
import { createIndexedMemoryJournal } from "./indexed-memory-journal.ts";

export interface Mutant {
  /** What it does wrong. */
  readonly flaw: string;
  /** The case that has to catch it; others may as well. */
  readonly by: string;
  create(): Journal;
}

/** The memory journal with some methods replaced; the new ones get the sound journal. */
const broken = (change: (sound: Journal) => Partial<Journal>) => (): Journal => {
  const sound = createMemoryJournal();
  return { ...sound, ...change(sound) };
};

/** Shows the records of a stream as `show` changes them. */
const showing = (show: (records: readonly StoredRecord[]) => readonly StoredRecord[]) =>
  broken((sound) => ({
    async load(stream, after) {
      const loaded = await sound.load(stream, after);
      return { ...loaded, records: show(loaded.records) };
    },
    history: async (stream, range) => show(await sound.history(stream, range)),
    async record(stream, sequence) {
      const record = await sound.record(stream, sequence);
      return record && show([record])[0];
    },
  }));

/** Every stream becomes the one that `rename` makes of it. */
const renaming = (rename: (stream: StreamId) => StreamId) =>
  broken((sound) => ({
    append: ({ stream, record }) => sound.append({ stream: rename(stream), record }),
    load: (stream, after) => sound.load(rename(stream), after),
    record: (stream, sequence) => sound.record(rename(stream), sequence),
    history: (stream, range) => sound.history(rename(stream), range),
    saveSnapshot: (stream, snapshot, keys) => sound.saveSnapshot(rename(stream), snapshot, keys),
    erase: (stream, tombstone) => sound.erase(rename(stream), tombstone),
    streams: (range) => sound.streams({ ...range, ...rename({ ...range, id: "" }) }),
  }));

/** Reads answer as they did the last time, once. */
const stale = broken((sound) => {
  const seen = new Map<string, Awaited<ReturnType<Journal["load"]>>>();
  return {
    async load(stream, after) {
      const key = JSON.stringify([stream, after]);
      const before = seen.get(key);
      const loaded = await sound.load(stream, after);
      seen.set(key, loaded);
      return before ?? loaded;
    },
  };
});

export const mutants: readonly Mutant[] = [
  {
    flaw: "loses an append",
    by: "append: stores a record at a free sequence",
    create: showing((records) => records.filter(({ sequence }) => sequence !== 2)),
  },
  {
    flaw: "doubles a record",
    by: "load: without a snapshot gives all records, ascending",
    create: showing((records) => [...records, ...records.slice(-1)]),
  },
  {
    flaw: "stores a repeated append a second time, behind the others",
    by: "append: answers stored for a record that stands already, and stores it once",
    create: broken((sound) => ({
      async append(append) {
        const { stream, record } = append;
        if ((await sound.record(stream, record.sequence))?.id !== record.id) return sound.append(append);
        const { records } = await sound.load(stream, 0);
        const sequence = records.length + 1;
        const previous = records.at(-1)?.id ?? "";
        return sound.append({ stream, record: { ...record, sequence, previous, id: `again-${sequence}` } });
      },
    })),
  },
  {
    flaw: "ignores the condition and writes over what stands",
    by: "append: answers taken where another record stands, and writes nothing",
    create: broken((sound) => {
      const over = new Map<string, StoredRecord>();
      const shown = (stream: StreamId, record: StoredRecord) =>
        over.get(JSON.stringify([stream, record.sequence])) ?? record;
      return {
        async append(append) {
          if ((await sound.append(append)) === "taken") {
            over.set(JSON.stringify([append.stream, append.record.sequence]), append.record);
          }
          return "stored";
        },
        async load(stream, after) {
          const loaded = await sound.load(stream, after);
          return { ...loaded, records: loaded.records.map((record) => shown(stream, record)) };
        },
      };
    }),
  },
  {
    flaw: "answers stored for a taken slot",
    by: "append: of 50 appends that race for one slot exactly one is stored",
    create: broken((sound) => ({
      async append(append) {
        await sound.append(append);
        return "stored";
      },
    })),
  },
  {
    flaw: "answers taken for its own record",
    by: "append: answers stored for a record that stands already, and stores it once",
    create: broken((sound) => ({
      async append(append) {
        const standing = await sound.record(append.stream, append.record.sequence);
        return standing ? "taken" : sound.append(append);
      },
    })),
  },
  {
    flaw: "lets those that append together share their fate",
    by: "append: appends under way together do not share their fate",
    create: broken((sound) => {
      let group: Parameters<Journal["append"]>[0][] = [];
      let fate: Promise<boolean> | undefined;
      const free = async () => {
        await Promise.resolve();
        const together = group;
        group = [];
        fate = undefined;
        for (const { stream, record } of together) {
          const standing = await sound.record(stream, record.sequence);
          if (standing !== undefined && standing.id !== record.id) return false;
        }
        return true;
      };
      return {
        async append(append) {
          group.push(append);
          fate ??= free();
          return (await fate) ? sound.append(append) : "taken";
        },
      };
    }),
  },
  {
    flaw: "answers stored for an append that leaves a gap",
    by: "append: refuses a record that leaves a gap, and stores nothing",
    create: broken((sound) => ({
      async append(append) {
        const { records } = await sound.load(append.stream, 0);
        return append.record.sequence > records.length + 1 ? "stored" : sound.append(append);
      },
    })),
  },
  {
    flaw: "stores an append that leaves a gap, and refuses it",
    by: "append: refuses a record that leaves a gap, and stores nothing",
    create: broken((sound) => {
      const behindGaps = new Map<string, StoredRecord>();
      return {
        async append(append) {
          const { stream, record } = append;
          const { records } = await sound.load(stream, 0);
          if (record.sequence > records.length + 1) behindGaps.set(JSON.stringify([stream, record.sequence]), record);
          return sound.append(append);
        },
        record: async (stream, sequence) =>
          (await sound.record(stream, sequence)) ?? behindGaps.get(JSON.stringify([stream, sequence])),
      };
    }),
  },
  {
    flaw: "refuses an append that leaves a gap as if it could succeed later",
    by: "append: refuses a record that leaves a gap, and stores nothing",
    create: broken((sound) => ({
      append: (append) =>
        sound.append(append).catch(() => {
          throw new HoldfastError("journal-corrupt", "There is a gap.", { retry: "later" });
        }),
    })),
  },
  {
    flaw: "looks for a predecessor at the sequence alone",
    by: "append: refuses a record that names another predecessor than the one that stands, and stores nothing",
    create: broken((sound) => ({
      async append({ stream, record }) {
        const standing = await sound.record(stream, record.sequence - 1);
        return sound.append({ stream, record: { ...record, previous: standing?.id ?? "" } });
      },
    })),
  },
  {
    flaw: "looks at the predecessor before it looks at the slot",
    by: "append: where a record stands, what the append names as its predecessor changes nothing",
    create: broken((sound) => ({
      async append(append) {
        const { stream, record } = append;
        const standing = await sound.record(stream, record.sequence);
        return standing && standing.previous !== record.previous ? "taken" : sound.append(append);
      },
    })),
  },
  {
    flaw: "reads what was there before",
    by: "append: every read sees what was acknowledged before it began",
    create: stale,
  },
  {
    flaw: "keeps 32 bits of a version",
    by: "record: every field of the header comes back as it was",
    // `| 0` is the point: it keeps 32 bits.
    create: showing((records) => records.map((record) => ({ ...record, version: record.version | 0 }))),
  },
  {
    flaw: "understands its entries instead of keeping the text",
    by: "record: entries are text, kept to the character and not understood",
    create: showing((records) =>
      records.map((record) => ({ ...record, entries: JSON.stringify(JSON.parse(record.entries)) })),
    ),
  },
  {
    flaw: "gives a page of a long stream",
    by: "load: gives the whole stream where that is larger than a page of the store",
    create: broken((sound) => ({
      async load(stream, after) {
        const loaded = await sound.load(stream, after);
        return { ...loaded, records: loaded.records.slice(0, 20) };
      },
    })),
  },
  {
    flaw: "has a history off by one",
    by: "history: gives up to limit records after a sequence, ascending, whether or not a snapshot covers them",
    create: broken((sound) => ({
      history: (stream, { after, limit }) => sound.history(stream, { after: Math.max(0, after - 1), limit }),
    })),
  },
  {
    flaw: "has a load after that includes the sequence",
    by: "load: after a sequence gives the records behind it and no snapshot",
    create: broken((sound) => ({
      load: (stream, after) => sound.load(stream, after === undefined ? after : Math.max(0, after - 1)),
    })),
  },
  {
    flaw: "lets an older snapshot win",
    by: "snapshot: the newest by revision, then sequence, wins in whatever order they are saved",
    create: broken((sound) => {
      const last = new Map<string, Parameters<Journal["saveSnapshot"]>[1]>();
      return {
        async saveSnapshot(stream, snapshot, keys) {
          await sound.saveSnapshot(stream, snapshot, keys);
          last.set(JSON.stringify(stream), snapshot);
        },
        async load(stream, after) {
          const snapshot = last.get(JSON.stringify(stream));
          if (after !== undefined || snapshot === undefined) return sound.load(stream, after);
          return { snapshot, records: (await sound.load(stream, snapshot.sequence)).records };
        },
      };
    }),
  },
  {
    flaw: "compares snapshots by sequence alone",
    by: "snapshot: the tail begins behind the stored snapshot, not behind the one that was dropped",
    create: broken((sound) => ({
      saveSnapshot: (stream, snapshot, keys) => sound.saveSnapshot(stream, { ...snapshot, revision: 1 }, keys),
    })),
  },
  {
    flaw: "lets a horizon fall",
    by: "horizon: never decreases, each kind by itself",
    create: broken((sound) => {
      const last = new Map<string, Parameters<Journal["saveSnapshot"]>[1]>();
      return {
        async saveSnapshot(stream, snapshot, keys) {
          await sound.saveSnapshot(stream, snapshot, keys);
          last.set(JSON.stringify(stream), snapshot);
        },
        async load(stream, after) {
          const loaded = await sound.load(stream, after);
          const horizon = last.get(JSON.stringify(stream))?.horizon;
          return loaded.snapshot && horizon ? { ...loaded, snapshot: { ...loaded.snapshot, horizon } } : loaded;
        },
      };
    }),
  },
  {
    flaw: "drops the horizon of an older snapshot with it",
    by: "horizon: an older snapshot raises it, though it is dropped itself",
    create: broken((sound) => ({
      async saveSnapshot(stream, snapshot, keys) {
        const stored = (await sound.load(stream)).snapshot;
        const newer = !stored || stored.revision < snapshot.revision || stored.sequence < snapshot.sequence;
        if (newer && (stored?.revision ?? 0) <= snapshot.revision) return sound.saveSnapshot(stream, snapshot, keys);
        return sound.saveSnapshot(stream, { ...snapshot, horizon: { foreign: 0, derived: 0 } }, keys);
      },
    })),
  },
  {
    flaw: "drops a page of keys",
    by: "keys: those of a page are found once its snapshot is stored, and no others",
    create: broken((sound) => ({ saveSnapshot: (stream, snapshot) => sound.saveSnapshot(stream, snapshot) })),
  },
  {
    flaw: "drops the page of an older snapshot with it",
    by: "keys: are stored also when their snapshot is older than the stored one",
    create: broken((sound) => ({
      async saveSnapshot(stream, snapshot, keys) {
        const stored = (await sound.load(stream)).snapshot;
        return sound.saveSnapshot(stream, snapshot, (stored?.sequence ?? 0) < snapshot.sequence ? keys : {});
      },
    })),
  },
  {
    flaw: "stores the keys after the snapshot",
    by: "keys: whoever sees a snapshot finds the keys of its page",
    create: broken((sound) => ({
      async saveSnapshot(stream, snapshot, keys) {
        await sound.saveSnapshot(stream, snapshot);
        await new Promise((resolve) => setImmediate(resolve));
        await sound.saveSnapshot(stream, snapshot, keys);
      },
    })),
  },
  {
    flaw: "mixes up tenants",
    by: "names: tenants and entities are apart, and no separator lets one name look like another",
    create: renaming((stream) => ({ ...stream, tenant: "one" })),
  },
  {
    flaw: "takes composed and decomposed characters for the same",
    by: "names: ids of any characters and up to 256 bytes name streams of their own",
    create: renaming((stream) => ({ ...stream, id: stream.id.normalize("NFC") })),
  },
  {
    flaw: "cuts long ids",
    by: "names: ids of any characters and up to 256 bytes name streams of their own",
    create: renaming((stream) => ({ ...stream, id: stream.id.slice(0, 255) })),
  },
  {
    flaw: "forgets a record when it erases",
    by: "erase: blanks the payloads before the tombstone and keeps slots, ids, times, versions and the tombstone",
    create: broken((sound) => ({ erase: (stream, tombstone) => sound.erase(stream, tombstone - 1) })),
  },
  {
    flaw: "erases the tombstone too",
    by: "erase: leaves what comes behind the tombstone alone",
    create: broken((sound) => ({ erase: (stream, tombstone) => sound.erase(stream, tombstone + 1) })),
  },
  {
    flaw: "keeps the keys of an erased stream",
    by: "erase: removes the stream's keys",
    create: broken((sound) => {
      const kept: {
        readonly stream: StreamId;
        readonly sequence: number;
        readonly keys: readonly (readonly [string, number])[];
      }[] = [];
      return {
        keys: {
          kind: "pages",
          load: async ({ id }, from, to) =>
            kept
              .filter(({ stream, sequence }) => stream.id === id && sequence >= from && sequence <= to)
              .map(({ keys }) => keys),
        },
        async saveSnapshot(stream, snapshot, keys) {
          if (keys?.page) kept.push({ stream, ...keys.page });
          await sound.saveSnapshot(stream, snapshot);
        },
      };
    }),
  },
  {
    flaw: "takes a snapshot of the greatest revision for one like the others",
    by: "erase: no late snapshot brings state back",
    create: broken((sound) => ({
      saveSnapshot: (stream, snapshot, keys) =>
        sound.saveSnapshot(stream, { ...snapshot, revision: Math.min(snapshot.revision, 5) }, keys),
    })),
  },
  {
    flaw: "raises the horizon of an erased stream",
    by: "erase: no late snapshot raises the horizon of an erased stream",
    create: broken((sound) => {
      const foreign = new Map<string, number>();
      return {
        async saveSnapshot(stream, snapshot, keys) {
          await sound.saveSnapshot(stream, snapshot, keys);
          const key = JSON.stringify(stream);
          foreign.set(key, Math.max(foreign.get(key) ?? 0, snapshot.horizon.foreign));
        },
        async load(stream, after) {
          const { snapshot, records } = await sound.load(stream, after);
          if (snapshot === undefined) return { records };
          const horizon = { ...snapshot.horizon, foreign: foreign.get(JSON.stringify(stream)) ?? 0 };
          return { snapshot: { ...snapshot, horizon }, records };
        },
      };
    }),
  },
  {
    flaw: "stores the pages that come after an erasure",
    by: "erase: no late page brings keys back",
    create: broken((sound) => {
      const late: (readonly StoredKey[])[] = [];
      return {
        keys: {
          kind: "pages",
          async load(stream, from, to) {
            const pages = sound.keys.kind === "pages" ? await sound.keys.load(stream, from, to) : [];
            return [...pages, ...late];
          },
        },
        async saveSnapshot(stream, snapshot, keys) {
          const erased = (await sound.load(stream)).snapshot?.revision === Number.MAX_SAFE_INTEGER;
          if (erased && keys?.page) late.push(keys.page.keys);
          await sound.saveSnapshot(stream, snapshot, keys);
        },
      };
    }),
  },
  {
    flaw: "lists streams in the order of UTF-16",
    by: "streams: lists ids in ascending UTF-8 order",
    create: broken((sound) => ({ streams: async (range) => (await sound.streams(range)).toSorted() })),
  },
  {
    flaw: "lists streams in no order",
    by: "streams: lists ids in ascending UTF-8 order",
    create: broken((sound) => ({ streams: async (range) => (await sound.streams(range)).toReversed() })),
  },
  {
    flaw: "begins the next page of streams with the last of the one before",
    by: "streams: after need not be the id of a stream",
    create: broken((sound) => ({
      async streams({ after, limit, ...range }) {
        const all = await sound.streams({ ...range, limit: 10_000 });
        return all.filter((id) => after === undefined || id >= after).slice(0, limit);
      },
    })),
  },
];

const forgetting = "index: forgets the keys of a range and kind, and raises the horizon";

export const indexMutants: readonly Mutant[] = [
  { flaw: "forgets nothing", by: forgetting, create: () => createIndexedMemoryJournal({ forgotten: () => [] }) },
  { flaw: "forgets both kinds", by: forgetting, create: () => createIndexedMemoryJournal({ anyKind: true }) },
  {
    flaw: "forgets one record too many",
    by: "index: forgets several ranges of both kinds at once",
    create: () => createIndexedMemoryJournal({ forgotten: (range) => [{ ...range, to: range.to + 1 }] }),
  },
  {
    flaw: "forgets a key that was consumed again",
    by: "index: a key that a later record consumed again stays when the earlier one is forgotten",
    create: () => createIndexedMemoryJournal({ anySequence: true }),
  },
  {
    flaw: "answers without the horizon",
    by: "index: find gives the stored horizon with the keys",
    create: () => createIndexedMemoryJournal({ horizon: () => ({ foreign: 0, derived: 0 }) }),
  },
  {
    flaw: "finds another stream's keys",
    by: "keys: those of one stream are not another's",
    create: () => createIndexedMemoryJournal({ shared: true }),
  },
  {
    flaw: "takes the keys of a page that comes after the erasure",
    by: "erase: no late page brings keys back",
    create: () => createIndexedMemoryJournal({ late: true }),
  },
  {
    flaw: "answers in an order of its own",
    by: "index: find answers for each hash in the order in which they were asked",
    create: () => createIndexedMemoryJournal({ sorted: true }),
  },
  {
    flaw: "removes keys before it raises the horizon",
    by: "index: a key that is being forgotten is found, or the horizon is raised",
    create: () => createIndexedMemoryJournal({ early: true }),
  },
];
