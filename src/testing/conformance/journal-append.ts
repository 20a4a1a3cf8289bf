import { deepEqual, equal, rejects } from "node:assert/strict";
import type { Journal, StoredRecord, StreamId } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import { cart, idAt, other, plain, recordAt, recordsUpTo, showsRecords, store } from "./fixtures.ts";

/** Another record for a slot; it names the predecessor that `recordAt` names, unless told otherwise. */
const contender = (sequence: number, n: number, changes: Partial<StoredRecord> = {}) =>
  recordAt(sequence, { id: idAt(sequence, `c${n}v`), ...changes });

/** The append is refused for good: its predecessor does not stand. */
async function refuses(journal: Journal, record: StoredRecord, stream = cart): Promise<void> {
  const refusal = { name: "HoldfastError", code: "journal-corrupt", retry: "never" };
  await rejects(journal.append({ stream, record }), refusal, `append of ${record.id} behind "${record.previous}"`);
}

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
    name: "append: where a record stands, what the append names as its predecessor changes nothing",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(3));
      for (const previous of ["", idAt(1), idAt(2), idAt(9, "c")]) {
        for (const sequence of [1, 2, 3]) {
          await store(journal, cart, [recordAt(sequence, { previous })]);
          equal(await journal.append({ stream: cart, record: contender(sequence, 1, { previous }) }), "taken");
        }
      }
      await showsRecords(journal, cart, recordsUpTo(3));
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
      let previous = "";
      for (const sequence of [1, 2, 3]) {
        const records = Array.from({ length: 50 }, (_, n) => contender(sequence, n, { previous }));
        const results = await Promise.all(records.map((record) => journal.append({ stream: cart, record })));
        equal(results.filter((result) => result === "stored").length, 1, "winners");
        equal(results.filter((result) => result === "taken").length, 49, "losers");
        const winner = records[results.indexOf("stored")];
        deepEqual(plain(await journal.record(cart, sequence)), winner);
        previous = winner?.id ?? "";
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
      let previous = "";
      for (let sequence = 1; sequence <= 10; sequence++) {
        const records = Array.from({ length: 10 }, (_, n) => contender(sequence, n, { previous }));
        const results = await Promise.all(
          records.map((record, n) => instances[n % 2]?.append({ stream: cart, record })),
        );
        equal(results.filter((result) => result === "stored").length, 1, `winners at ${sequence}`);
        equal(results.filter((result) => result === "taken").length, 9, `losers at ${sequence}`);
        const winner = records[results.indexOf("stored")];
        for (const journal of instances) deepEqual(plain(await journal.record(cart, sequence)), winner);
        previous = winner?.id ?? "";
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
  {
    name: "append: refuses a record that leaves a gap, and stores nothing",
    needs: ["predecessor"],
    async run({ open }) {
      const journal = await open();
      await refuses(journal, recordAt(2));
      await refuses(journal, recordAt(2, { previous: "" }));
      await showsRecords(journal, cart, []);
      equal(await journal.record(cart, 2), undefined);
      deepEqual(await journal.streams({ ...cart, limit: 10 }), []);
      await store(journal, cart, recordsUpTo(2));
      for (const previous of [idAt(2), idAt(3), ""]) {
        for (const sequence of [4, 5, 1_000]) await refuses(journal, recordAt(sequence, { previous }));
      }
      for (const sequence of [4, 5, 1_000]) equal(await journal.record(cart, sequence), undefined);
      await showsRecords(journal, cart, recordsUpTo(2));
      // The slots are as free as before.
      await store(journal, cart, [recordAt(3), recordAt(4)]);
      await showsRecords(journal, cart, recordsUpTo(4));
    },
  },
  {
    name: "append: refuses a record that names another predecessor than the one that stands, and stores nothing",
    needs: ["predecessor"],
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(2));
      const theirs = [contender(1, 1), contender(2, 1, { previous: contender(1, 1).id })];
      await store(journal, other, theirs);
      // None, an earlier one of the stream, itself, one that lost, one that another stream has in that place.
      for (const previous of ["", idAt(1), idAt(3), idAt(2, "c2v"), contender(2, 1).id]) {
        await refuses(journal, recordAt(3, { previous }));
        await showsRecords(journal, cart, recordsUpTo(2));
      }
      await refuses(journal, recordAt(3), other);
      await showsRecords(journal, other, theirs);
      await store(journal, cart, [recordAt(3)]);
      await showsRecords(journal, cart, recordsUpTo(3));
    },
  },
  {
    name: "append: one that is refused does not share its fate with others under way together",
    needs: ["predecessor"],
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(2));
      const fresh = Array.from({ length: 6 }, (_, n): StreamId => ({ ...cart, id: `new-${n}` }));
      const [results] = await Promise.all([
        Promise.all([
          ...fresh.slice(0, 3).map((stream) => journal.append({ stream, record: recordAt(1) })),
          journal.append({ stream: cart, record: recordAt(3) }),
          ...fresh.slice(3).map((stream) => journal.append({ stream, record: recordAt(1) })),
        ]),
        refuses(journal, recordAt(3, { id: idAt(3, "c1v") }), other),
        refuses(journal, recordAt(9)),
      ]);
      deepEqual(new Set(results), new Set(["stored"]));
      for (const stream of fresh) await showsRecords(journal, stream, recordsUpTo(1));
      await showsRecords(journal, cart, recordsUpTo(3));
      await showsRecords(journal, other, []);
    },
  },
];
