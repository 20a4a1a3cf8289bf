import { deepEqual, equal } from "node:assert/strict";
import type { StreamId } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import { idAt, keysFound, pageOf, plain, recordAt, showsRecords, snapshotAt, store } from "./fixtures.ts";

/** Ids that an adapter may trip over; pairs that it may take for the same are neighbours. */
export const oddIds: readonly string[] = [
  "x",
  "X",
  "x ",
  " x",
  "x1",
  "x/1",
  "x#1",
  "x:1",
  "x%2F1",
  "x%",
  "x_",
  "*",
  "?a=b&c=d#e",
  "..",
  "../x",
  "1",
  "01",
  "1.0",
  "1e0",
  "null",
  "true",
  "{}",
  '"quotes"',
  "'quotes'",
  "`ticks`",
  "back\\slash",
  "x'; DROP TABLE streams; --",
  "$where",
  "__proto__",
  "constructor",
  "toString",
  "\u00e9",
  "e\u0301",
  "ß",
  "ss",
  "\u0000",
  "x\u0000",
  "x\u0000y",
  "\u0001",
  "a\tb",
  "a\nb",
  "\u200b",
  "\ufeff",
  "\uffff",
  "🧺",
  "👩‍👩‍👧‍👦",
  "\u{10ffff}",
  "y".repeat(256),
  "y".repeat(255),
  "é".repeat(128),
  "🧺".repeat(64),
];

const places: readonly StreamId[] = [
  { tenant: "a", entity: "b", id: "c" },
  { tenant: "a", entity: "b", id: "c-1" },
  { tenant: "a", entity: "B", id: "c" },
  { tenant: "b", entity: "a", id: "c" },
  { tenant: "a-b", entity: "c", id: "c" },
  { tenant: "a", entity: "b-c", id: "c" },
  { tenant: "a-b", entity: "c", id: "d" },
  { tenant: "a", entity: "b-c", id: "d" },
  { tenant: "a", entity: "c", id: "b/c" },
  { tenant: "a", entity: "b", id: "b/c" },
  { tenant: "0", entity: "b", id: "c" },
  { tenant: "00", entity: "b", id: "c" },
  { tenant: "t".repeat(64), entity: "e".repeat(40), id: "i".repeat(256) },
  { tenant: "t".repeat(64), entity: "e".repeat(39), id: "e".repeat(256) },
  { tenant: "constructor", entity: "constructor", id: "constructor" },
];

const recordOf = (stream: StreamId) => recordAt(1, { entries: JSON.stringify([stream]) });

/** A stream is named by the whole triple, and by nothing like it. */
export const namesCases: readonly JournalCase[] = [
  {
    name: "names: ids of any characters and up to 256 bytes name streams of their own",
    async run({ open }) {
      const journal = await open();
      const streams = oddIds.map((id): StreamId => ({ tenant: "default", entity: "cart", id }));
      for (const stream of streams) await store(journal, stream, [recordOf(stream)]);
      for (const stream of streams) await showsRecords(journal, stream, [recordOf(stream)]);
      const byBytes = oddIds.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      deepEqual(await journal.streams({ tenant: "default", entity: "cart", limit: 1_000 }), byBytes);
    },
  },
  {
    name: "names: snapshots, keys and erasure follow ids of any characters",
    async run({ open }) {
      const journal = await open();
      const streams = oddIds.map((id): StreamId => ({ tenant: "default", entity: "cart", id }));
      for (const [i, stream] of streams.entries()) {
        await store(journal, stream, [recordAt(1), recordAt(2)]);
        await journal.saveSnapshot(stream, snapshotAt(i + 1, { body: JSON.stringify(stream) }), { page: pageOf(1, 1) });
      }
      for (const stream of streams.filter((_, i) => i % 2 === 0)) await journal.erase(stream, 2);
      for (const [i, stream] of streams.entries()) {
        const { snapshot } = await journal.load(stream);
        deepEqual(plain(snapshot), snapshotAt(i + 1, { body: JSON.stringify(stream) }));
        const erased = i % 2 === 0;
        deepEqual(await keysFound(journal, stream, 1, 1), [erased ? undefined : 1], stream.id);
        equal((await journal.record(stream, 1))?.entries, erased ? "[]" : recordAt(1).entries, stream.id);
      }
    },
  },
  {
    name: "names: tenants and entities are apart, and no separator lets one name look like another",
    async run({ open }) {
      const journal = await open();
      for (const stream of places) await store(journal, stream, [recordOf(stream)]);
      for (const stream of places) {
        await showsRecords(journal, stream, [recordOf(stream)]);
        equal(await journal.append({ stream, record: recordAt(1, { id: idAt(1, "c") }) }), "taken");
        const ids = places.filter(({ tenant, entity }) => tenant === stream.tenant && entity === stream.entity);
        const names = ids.map(({ id }) => id).toSorted();
        deepEqual(await journal.streams({ ...stream, limit: 100 }), names);
      }
      const [erased, ...untouched] = places;
      if (erased) await journal.erase(erased, 2);
      for (const stream of untouched) await showsRecords(journal, stream, [recordOf(stream)]);
    },
  },
  {
    name: "names: a sequence does not run into the id before it",
    async run({ open }) {
      const journal = await open();
      const streams = ["s", "s1", "s10", "s-1", "s 1"].map((id): StreamId => ({ tenant: "a", entity: "b", id }));
      const recordIn = (stream: StreamId, n: number) => recordAt(n, { entries: JSON.stringify([stream.id, n]) });
      const expected = (stream: StreamId) => Array.from({ length: 11 }, (_, i) => recordIn(stream, i + 1));
      for (const stream of streams) await store(journal, stream, expected(stream));
      for (const stream of streams) await showsRecords(journal, stream, expected(stream));
    },
  },
];
