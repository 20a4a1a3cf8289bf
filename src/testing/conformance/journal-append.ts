import { deepEqual, equal } from "node:assert/strict";
import type { StreamId } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import { cart, idAt, other, plain, recordAt, recordsUpTo, showsRecords, store } from "./fixtures.ts";

const contender = (sequence: number, n: number) => recordAt(sequence, { id: idAt(sequence, `c${n}v`) });

/** The conditional write. */
export const appendCases: readonly JournalCase[] = [
  {
    name: "append: stores a record at a free sequence",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(3));
      await showsRecords(journal, cart, recordsUpTo(3));
    },
  },
  {
    name: "append: answers stored for a record that stands already, and stores it once",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, [recordAt(1), recordAt(1), recordAt(2), recordAt(3), recordAt(2), recordAt(1)]);
      await showsRecords(journal, cart, recordsUpTo(3));
    },
  },
  {
    name: "append: a repeated append changes nothing",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(2));
      await store(journal, cart, [recordAt(1, { time: 1, version: 9, entries: '["changed"]' })]);
      await showsRecords(journal, cart, recordsUpTo(2));
    },
  },
  {
    name: "append: answers taken where another record stands, and writes nothing",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(2));
      for (const sequence of [1, 2, 1]) {
        equal(await journal.append({ stream: cart, record: contender(sequence, 1) }), "taken");
      }
      await showsRecords(journal, cart, recordsUpTo(2));
    },
  },
  {
    name: "append: after taken the next sequence is free",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, [recordAt(1)]);
      equal(await journal.append({ stream: cart, record: contender(1, 1) }), "taken");
      await store(journal, cart, [recordAt(2)]);
      await showsRecords(journal, cart, recordsUpTo(2));
    },
  },
  {
    name: "append: of 50 appends that race for one slot exactly one is stored",
    async run({ open }) {
      const journal = await open();
      for (const sequence of [1, 2, 3]) {
        const records = Array.from({ length: 50 }, (_, n) => contender(sequence, n));
        const results = await Promise.all(records.map((record) => journal.append({ stream: cart, record })));
        equal(results.filter((result) => result === "stored").length, 1, "winners");
        equal(results.filter((result) => result === "taken").length, 49, "losers");
        const winner = records[results.indexOf("stored")];
        deepEqual(plain(await journal.record(cart, sequence)), winner);
      }
      equal((await journal.load(cart)).records.length, 3);
    },
  },
  {
    name: "append: one record appended 20 times at once is stored once, and everyone is told so",
    async run({ open }) {
      const journal = await open();
      const results = await Promise.all(
        Array.from({ length: 20 }, () => journal.append({ stream: cart, record: recordAt(1) })),
      );
      deepEqual(new Set(results), new Set(["stored"]));
      await showsRecords(journal, cart, recordsUpTo(1));
    },
  },
  {
    name: "append: appends under way together do not share their fate",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(2));
      const fresh = Array.from({ length: 12 }, (_, n): StreamId => ({ ...cart, id: `new-${n}` }));
      const results = await Promise.all([
        ...fresh.slice(0, 6).map((stream) => journal.append({ stream, record: recordAt(1) })),
        journal.append({ stream: cart, record: contender(2, 1) }),
        journal.append({ stream: cart, record: recordAt(2) }),
        journal.append({ stream: cart, record: recordAt(3) }),
        ...fresh.slice(6).map((stream) => journal.append({ stream, record: recordAt(1) })),
        journal.append({ stream: cart, record: contender(1, 1) }),
      ]);
      const six = Array.from({ length: 6 }, () => "stored");
      deepEqual(results, [...six, "taken", "stored", "stored", ...six, "taken"]);
      for (const stream of fresh) await showsRecords(journal, stream, recordsUpTo(1));
      await showsRecords(journal, cart, recordsUpTo(3));
    },
  },
  {
    name: "append: the writes of many streams under way together each reach their own stream",
    async run({ open }) {
      const journal = await open();
      const streams = Array.from({ length: 60 }, (_, n): StreamId => ({ ...cart, id: `s${n}` }));
      const recordOf = (stream: StreamId, sequence: number) =>
        recordAt(sequence, { entries: JSON.stringify([stream.id, sequence]) });
      for (const sequence of [1, 2, 3]) {
        const writes = streams.map((stream) => journal.append({ stream, record: recordOf(stream, sequence) }));
        deepEqual(new Set(await Promise.all(writes)), new Set(["stored"]));
      }
      for (const stream of streams) {
        const expected = [1, 2, 3].map((sequence) => recordOf(stream, sequence));
        deepEqual(plain(await journal.load(stream)), { records: expected });
      }
    },
  },
  {
    name: "append: every read sees what was acknowledged before it began",
    async run({ open }) {
      const journal = await open();
      for (let sequence = 1; sequence <= 12; sequence++) {
        for (const stream of [cart, other]) {
          await store(journal, stream, [recordAt(sequence)]);
          await showsRecords(journal, stream, recordsUpTo(sequence));
          deepEqual(plain(await journal.load(stream)), { records: recordsUpTo(sequence) });
        }
      }
    },
  },
  {
    name: "append: every read of one instance sees what another acknowledged before it began",
    needs: ["instances"],
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      for (let sequence = 1; sequence <= 12; sequence++) {
        const [writer, reader] = sequence % 2 === 0 ? [one, two] : [two, one];
        await store(writer, cart, [recordAt(sequence)]);
        await showsRecords(reader, cart, recordsUpTo(sequence));
        deepEqual(await reader.streams({ ...cart, limit: 10 }), [cart.id]);
      }
    },
  },
  {
    name: "append: two instances that race for the same slots have one winner for each",
    needs: ["instances"],
    async run({ open }) {
      const instances = [await open(), await open()];
      for (let sequence = 1; sequence <= 10; sequence++) {
        const records = Array.from({ length: 10 }, (_, n) => contender(sequence, n));
        const results = await Promise.all(
          records.map((record, n) => instances[n % 2]?.append({ stream: cart, record })),
        );
        equal(results.filter((result) => result === "stored").length, 1, `winners at ${sequence}`);
        equal(results.filter((result) => result === "taken").length, 9, `losers at ${sequence}`);
        for (const journal of instances) {
          deepEqual(plain(await journal.record(cart, sequence)), records[results.indexOf("stored")]);
        }
      }
    },
  },
  {
    name: "append: an instance answers stored for a record that another instance has written",
    needs: ["instances"],
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      await store(one, cart, recordsUpTo(2));
      await store(two, cart, recordsUpTo(3));
      await showsRecords(one, cart, recordsUpTo(3));
      await store(one, cart, [recordAt(3)]);
      equal(await two.append({ stream: cart, record: contender(3, 1) }), "taken");
      equal(await one.append({ stream: cart, record: contender(3, 1) }), "taken");
      await showsRecords(one, cart, recordsUpTo(3));
    },
  },
];
