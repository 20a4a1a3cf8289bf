import { deepEqual, equal } from "node:assert/strict";
import type { Journal, Snapshot, StoredRecord, StreamId } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import { cart, idAt, keysFound, other, pageOf, plain, recordAt, recordsUpTo, showsRecords } from "./fixtures.ts";
import { snapshotAt, store } from "./fixtures.ts";

const tombstone = 6;

/** What the core saves at the tombstone before it erases: nothing is newer. */
const empty: Snapshot = snapshotAt(tombstone, { revision: Number.MAX_SAFE_INTEGER, body: '{"erased":true}' });

const blank = (record: StoredRecord): StoredRecord => ({ ...record, entries: "[]" });

const none = [undefined, undefined, undefined, undefined, undefined];

/** The stream after its erasure: blank up to the tombstone, which stays. */
const erased: readonly StoredRecord[] = [...recordsUpTo(tombstone - 1).map(blank), recordAt(tombstone)];

/** Five records with a snapshot and their keys, the tombstone as the sixth, and the empty snapshot at it. */
async function storeErasable(journal: Journal, stream: StreamId = cart): Promise<void> {
  await store(journal, stream, recordsUpTo(tombstone - 1));
  await journal.saveSnapshot(stream, snapshotAt(3), { page: pageOf(1, 3) });
  await journal.saveSnapshot(stream, snapshotAt(5), { page: pageOf(4, 5) });
  await store(journal, stream, [recordAt(tombstone)]);
  await journal.saveSnapshot(stream, empty);
}

/** Erasure. */
export const eraseCases: readonly JournalCase[] = [
  {
    name: "erase: blanks the payloads before the tombstone and keeps slots, ids, times, versions and the tombstone",
    async run({ open }) {
      const journal = await open();
      await storeErasable(journal);
      await journal.erase(cart, tombstone);
      await showsRecords(journal, cart, erased);
      deepEqual(plain(await journal.load(cart)), { snapshot: empty, records: [] });
    },
  },
  {
    name: "erase: removes the stream's keys",
    async run({ open }) {
      const journal = await open();
      await storeErasable(journal);
      deepEqual(await keysFound(journal, cart, 1, 5), [1, 2, 3, 4, 5]);
      await journal.erase(cart, tombstone);
      deepEqual(await keysFound(journal, cart, 1, 5), none);
      if (journal.keys.kind === "pages") deepEqual(await journal.keys.load(cart, 1, 1_000), []);
    },
  },
  {
    name: "erase: may be repeated",
    async run({ open }) {
      const journal = await open();
      await storeErasable(journal);
      for (let round = 0; round < 3; round++) {
        await journal.erase(cart, tombstone);
        await showsRecords(journal, cart, erased);
      }
      await Promise.all([journal.erase(cart, tombstone), journal.erase(cart, tombstone)]);
      await showsRecords(journal, cart, erased);
      deepEqual(plain(await journal.load(cart)), { snapshot: empty, records: [] });
    },
  },
  {
    name: "erase: leaves what comes behind the tombstone alone",
    async run({ open }) {
      const journal = await open();
      await storeErasable(journal);
      await journal.erase(cart, tombstone);
      await store(journal, cart, [recordAt(7), recordAt(8)]);
      await journal.erase(cart, tombstone);
      await showsRecords(journal, cart, [...erased, recordAt(7), recordAt(8)]);
      deepEqual(plain(await journal.load(cart)), { snapshot: empty, records: [recordAt(7), recordAt(8)] });
    },
  },
  {
    name: "erase: a later tombstone erases what came behind an earlier one, and that one too",
    async run({ open }) {
      const journal = await open();
      await storeErasable(journal);
      await journal.erase(cart, tombstone);
      await store(journal, cart, [recordAt(7), recordAt(8)]);
      await journal.erase(cart, 8);
      await showsRecords(journal, cart, [...recordsUpTo(7).map(blank), recordAt(8)]);
    },
  },
  {
    name: "erase: leaves other streams alone",
    async run({ open }) {
      const journal = await open();
      const strangers = [other, { ...cart, entity: "order" }, { ...cart, tenant: "other" }];
      for (const stream of [cart, ...strangers]) await storeErasable(journal, stream);
      await journal.erase(cart, tombstone);
      for (const stream of strangers) {
        await showsRecords(journal, stream, recordsUpTo(tombstone));
        deepEqual(await keysFound(journal, stream, 1, 5), [1, 2, 3, 4, 5]);
      }
    },
  },
  {
    name: "erase: no late snapshot brings state back",
    async run({ open }) {
      const journal = await open();
      await storeErasable(journal);
      const late = async () => {
        await journal.saveSnapshot(cart, snapshotAt(5));
        await journal.saveSnapshot(cart, snapshotAt(100, { revision: 7 }));
        await journal.saveSnapshot(cart, snapshotAt(101, { revision: Number.MAX_SAFE_INTEGER }));
        deepEqual(plain(await journal.load(cart)), { snapshot: empty, records: [] });
      };
      await late();
      await journal.erase(cart, tombstone);
      await late();
      await journal.erase(cart, tombstone);
      deepEqual(plain(await journal.load(cart)), { snapshot: empty, records: [] });
    },
  },
  {
    name: "erase: no late snapshot raises the horizon of an erased stream",
    async run({ open }) {
      const journal = await open();
      const horizon = { foreign: 3, derived: 4 };
      await store(journal, cart, recordsUpTo(tombstone));
      await journal.saveSnapshot(cart, snapshotAt(5, { horizon }));
      await journal.saveSnapshot(cart, empty);
      const late = async () => {
        for (const revision of [1, 7, Number.MAX_SAFE_INTEGER]) {
          const changes = { revision, horizon: { foreign: 30, derived: 40 } };
          await journal.saveSnapshot(cart, snapshotAt(100, changes), { forgotten: [] });
        }
        deepEqual(plain(await journal.load(cart)), { snapshot: { ...empty, horizon }, records: [] });
        if (journal.keys.kind === "index") deepEqual(plain((await journal.keys.find(cart, [])).horizon), horizon);
      };
      await late();
      await journal.erase(cart, tombstone);
      await late();
    },
  },
  {
    name: "erase: no late page brings keys back",
    async run({ open }) {
      const journal = await open();
      const saveLate = () =>
        Promise.all([
          journal.saveSnapshot(cart, snapshotAt(5), { page: pageOf(1, 5) }),
          journal.saveSnapshot(cart, snapshotAt(100, { revision: 7 }), { page: pageOf(1, 100) }),
          journal.saveSnapshot(cart, snapshotAt(200, { revision: Number.MAX_SAFE_INTEGER }), { page: pageOf(1, 200) }),
        ]);
      const showsNone = async () => {
        deepEqual(await keysFound(journal, cart, 1, 5), none);
        if (journal.keys.kind === "pages") deepEqual(await journal.keys.load(cart, 1, 1_000), []);
      };
      await store(journal, cart, recordsUpTo(tombstone));
      await journal.saveSnapshot(cart, empty);
      await saveLate();
      await showsNone();
      await Promise.all([saveLate(), journal.erase(cart, tombstone), saveLate()]);
      await showsNone();
      await saveLate();
      await showsNone();
      deepEqual(plain(await journal.load(cart)), { snapshot: empty, records: [] });
    },
  },
  {
    name: "erase: the slots stay taken, and a repeated append brings no payload back",
    async run({ open }) {
      const journal = await open();
      await storeErasable(journal);
      await journal.erase(cart, tombstone);
      for (const sequence of [1, 3, 5]) {
        await store(journal, cart, [recordAt(sequence)]);
        const record = recordAt(sequence, { id: idAt(sequence, "c") });
        equal(await journal.append({ stream: cart, record }), "taken");
      }
      await showsRecords(journal, cart, erased);
    },
  },
  {
    name: "erase: an erased stream is still listed",
    async run({ open }) {
      const journal = await open();
      await storeErasable(journal);
      await journal.erase(cart, tombstone);
      deepEqual(await journal.streams({ ...cart, limit: 10 }), [cart.id]);
    },
  },
  {
    name: "erase: reaches every record of a long stream",
    async run({ open }) {
      const journal = await open();
      const records = recordsUpTo(150).map((record) => ({ ...record, entries: JSON.stringify(["x".repeat(20_000)]) }));
      await store(journal, cart, records);
      await journal.erase(cart, 150);
      const { records: left } = await journal.load(cart, 0);
      deepEqual(plain(left), [...records.slice(0, -1).map(blank), ...records.slice(-1)]);
    },
  },
  {
    name: "erase: every instance sees it once it was answered",
    needs: ["instances"],
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      await storeErasable(one);
      await showsRecords(two, cart, recordsUpTo(tombstone));
      await one.erase(cart, tombstone);
      await showsRecords(two, cart, erased);
      deepEqual(await keysFound(two, cart, 1, 5), none);
      await store(two, cart, [recordAt(7)]);
      await showsRecords(one, cart, [...erased, recordAt(7)]);
    },
  },
];
