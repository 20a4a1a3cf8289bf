import { deepEqual, equal } from "node:assert/strict";
import type { JournalCase } from "./case.ts";
import { cart, noHorizon, other, plain, recordAt, recordsUpTo, showsRecords, snapshotAt, store } from "./fixtures.ts";

/** Does something to a value that its type forbids; a frozen one may refuse by throwing. */
function tamper(change: () => unknown): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** Overwrites every field of an object, or every item of an array, and adds to it. */
function spoil(value: object | undefined): void {
  for (const [key, inner] of Object.entries(value ?? {})) {
    if (typeof inner === "object" && inner !== null) spoil(inner);
    tamper(() => Reflect.set(value ?? {}, key, "spoilt"));
    tamper(() => Reflect.deleteProperty(value ?? {}, key));
  }
  if (Array.isArray(value)) tamper(() => value.push("spoilt"));
}

/** Reading records. */
export const readCases: readonly JournalCase[] = [
  {
    name: "read: a stream that was never written is empty everywhere",
    async run({ open }) {
      const journal = await open();
      await store(journal, other, recordsUpTo(2));
      deepEqual(plain(await journal.load(cart)), { records: [] });
      deepEqual(plain(await journal.load(cart, 0)), { records: [] });
      deepEqual(plain(await journal.load(cart, 5)), { records: [] });
      equal(await journal.record(cart, 1), undefined);
      deepEqual(await journal.history(cart, { after: 0, limit: 10 }), []);
      deepEqual(await journal.streams({ tenant: "default", entity: "order", limit: 10 }), []);
      if (journal.keys.kind === "index") {
        const found = await journal.keys.find(cart, ["ZZZZZZZZZZZZZZZZZZk-1_"]);
        deepEqual([...found.sequences], [undefined]);
        deepEqual(plain(found.horizon), noHorizon);
      } else {
        deepEqual(await journal.keys.load(cart, 1, 100), []);
      }
    },
  },
  {
    name: "read: reading a stream does not create it",
    async run({ open }) {
      const journal = await open();
      await journal.load(cart);
      await journal.record(cart, 1);
      await journal.history(cart, { after: 0, limit: 1 });
      await journal.erase(cart, 1);
      deepEqual(await journal.streams({ ...cart, limit: 10 }), []);
      await store(journal, cart, [recordAt(1)]);
      await showsRecords(journal, cart, recordsUpTo(1));
    },
  },
  {
    name: "load: without a snapshot gives all records, ascending",
    async run({ open }) {
      const journal = await open();
      // More than nine: an order by text would put 10 before 2.
      await store(journal, cart, recordsUpTo(12));
      deepEqual(plain(await journal.load(cart)), { records: recordsUpTo(12) });
    },
  },
  {
    name: "load: gives the newest snapshot and the tail behind it",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(12));
      for (const sequence of [3, 9, 10, 12]) {
        await journal.saveSnapshot(cart, snapshotAt(sequence));
        const records = recordsUpTo(12).slice(sequence);
        deepEqual(plain(await journal.load(cart)), { snapshot: snapshotAt(sequence), records });
      }
      await store(journal, cart, [recordAt(13)]);
      deepEqual(plain(await journal.load(cart)), { snapshot: snapshotAt(12), records: [recordAt(13)] });
    },
  },
  {
    name: "load: after a sequence gives the records behind it and no snapshot",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(12));
      await journal.saveSnapshot(cart, snapshotAt(10));
      for (let after = 0; after <= 13; after++) {
        deepEqual(plain(await journal.load(cart, after)), { records: recordsUpTo(12).slice(after) }, `after ${after}`);
      }
    },
  },
  {
    name: "record: gives the record at that sequence, and undefined where none is",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(11));
      await store(journal, other, [recordAt(1, { entries: '["other"]' })]);
      await journal.saveSnapshot(cart, snapshotAt(10));
      for (const record of recordsUpTo(11)) deepEqual(plain(await journal.record(cart, record.sequence)), record);
      for (const sequence of [0, 12, 1_000_000_000]) equal(await journal.record(cart, sequence), undefined);
      equal(await journal.record(other, 2), undefined);
    },
  },
  {
    name: "history: gives up to limit records after a sequence, ascending, whether or not a snapshot covers them",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(11));
      await journal.saveSnapshot(cart, snapshotAt(10));
      for (const after of [0, 1, 8, 9, 10, 11, 12]) {
        for (const limit of [1, 2, 3, 10, 11, 1_000]) {
          const expected = recordsUpTo(11).slice(after, after + limit);
          deepEqual(plain(await journal.history(cart, { after, limit })), expected, `after ${after}, limit ${limit}`);
        }
      }
    },
  },
  {
    name: "read: what a read returned cannot be used to change what is stored",
    async run({ open }) {
      const journal = await open();
      const snapshot = snapshotAt(1, { horizon: { foreign: 3, derived: 4 } });
      await store(journal, cart, recordsUpTo(3));
      await journal.saveSnapshot(cart, snapshot);
      for (let round = 0; round < 2; round++) {
        const loaded = await journal.load(cart);
        deepEqual(plain(loaded), { snapshot, records: recordsUpTo(3).slice(1) });
        spoil(loaded);
        spoil(await journal.load(cart, 0));
        spoil(await journal.history(cart, { after: 0, limit: 2 }));
        spoil(await journal.record(cart, 3));
        spoil(await journal.streams({ ...cart, limit: 5 }));
      }
      await showsRecords(journal, cart, recordsUpTo(3));
      deepEqual(await journal.streams({ ...cart, limit: 5 }), [cart.id]);
    },
  },
];
