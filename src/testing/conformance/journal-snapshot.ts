import { deepEqual } from "node:assert/strict";
import type { Snapshot } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import { cart, other, plain, recordsUpTo, snapshotAt, store } from "./fixtures.ts";

/** Every order of the items. */
function permutations<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]));
}

/** Ascending by (revision, sequence): the last is the newest. */
const ascending: readonly Snapshot[] = [
  snapshotAt(9, { revision: 1, body: '"1 at 9"' }),
  snapshotAt(10, { revision: 1, body: '"1 at 10"' }),
  snapshotAt(2, { revision: 2, body: '"2 at 2"' }),
  snapshotAt(5, { revision: 10, body: '"10 at 5"' }),
];

/** The cache of the fold: newest wins, horizons only grow. */
export const snapshotCases: readonly JournalCase[] = [
  {
    name: "snapshot: every field comes back as it was",
    async run({ open }) {
      const journal = await open();
      const snapshot: Snapshot = {
        sequence: 2 ** 40,
        revision: Number.MAX_SAFE_INTEGER,
        horizon: { foreign: 8_640_000_000_000_000, derived: 1 },
        body: ' {"b": 1.0,\n"a": "🧺 \\u0000"} ',
      };
      await store(journal, cart, recordsUpTo(2));
      await journal.saveSnapshot(cart, snapshot);
      deepEqual(plain(await journal.load(cart)), { snapshot, records: [] });
    },
  },
  {
    name: "snapshot: the newest by revision, then sequence, wins in whatever order they are saved",
    async run({ open }) {
      const journal = await open();
      for (const [n, order] of permutations(ascending).entries()) {
        const stream = { ...cart, id: `order-${n}` };
        let newest = -1;
        for (const snapshot of order) {
          await journal.saveSnapshot(stream, snapshot);
          newest = Math.max(newest, ascending.indexOf(snapshot));
          deepEqual(plain((await journal.load(stream)).snapshot), ascending[newest], `order ${n}`);
        }
      }
    },
  },
  {
    name: "snapshot: the newest of those that are saved at once wins",
    async run({ open }) {
      const journal = await open();
      for (const [n, order] of permutations(ascending).entries()) {
        const stream = { ...cart, id: `order-${n}` };
        await Promise.all(order.map((snapshot) => journal.saveSnapshot(stream, snapshot)));
        deepEqual(plain((await journal.load(stream)).snapshot), ascending.at(-1), `order ${n}`);
      }
    },
  },
  {
    name: "snapshot: one of the same revision and sequence does not replace the stored one",
    async run({ open }) {
      const journal = await open();
      await journal.saveSnapshot(cart, snapshotAt(4, { body: '"first"' }));
      await journal.saveSnapshot(cart, snapshotAt(4, { body: '"second"' }));
      deepEqual(plain((await journal.load(cart)).snapshot), snapshotAt(4, { body: '"first"' }));
    },
  },
  {
    name: "snapshot: the tail begins behind the stored snapshot, not behind the one that was dropped",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(12));
      await journal.saveSnapshot(cart, snapshotAt(4, { revision: 2 }));
      await journal.saveSnapshot(cart, snapshotAt(11, { revision: 1 }));
      const records = recordsUpTo(12).slice(4);
      deepEqual(plain(await journal.load(cart)), { snapshot: snapshotAt(4, { revision: 2 }), records });
    },
  },
  {
    name: "snapshot: a body of 1.5 MiB comes back as it was",
    async run({ open }) {
      const journal = await open();
      const bytes = 1.5 * 1_024 * 1_024 - 2;
      const bodies = [JSON.stringify("漢".repeat(bytes / 3)), JSON.stringify("x".repeat(bytes))];
      for (const [i, body] of bodies.entries()) {
        await journal.saveSnapshot(cart, snapshotAt(i + 1, { body }));
        deepEqual(plain(await journal.load(cart)), { snapshot: snapshotAt(i + 1, { body }), records: [] });
      }
    },
  },
  {
    name: "snapshot: a smaller body replaces a large one as a whole",
    async run({ open }) {
      const journal = await open();
      await journal.saveSnapshot(cart, snapshotAt(1, { body: JSON.stringify("x".repeat(1_000_000)) }));
      await journal.saveSnapshot(cart, snapshotAt(2, { body: "{}" }));
      deepEqual(plain((await journal.load(cart)).snapshot), snapshotAt(2, { body: "{}" }));
    },
  },
  {
    name: "horizon: never decreases, each kind by itself",
    async run({ open }) {
      const journal = await open();
      const steps = [
        [
          { foreign: 100, derived: 50 },
          { foreign: 100, derived: 50 },
        ],
        [
          { foreign: 90, derived: 60 },
          { foreign: 100, derived: 60 },
        ],
        [
          { foreign: 110, derived: 0 },
          { foreign: 110, derived: 60 },
        ],
        [
          { foreign: 0, derived: 0 },
          { foreign: 110, derived: 60 },
        ],
      ] as const;
      for (const [i, [given, horizon]] of steps.entries()) {
        await journal.saveSnapshot(cart, snapshotAt(i + 1, { horizon: given }));
        deepEqual(plain((await journal.load(cart)).snapshot), snapshotAt(i + 1, { horizon }));
      }
    },
  },
  {
    name: "horizon: an older snapshot raises it, though it is dropped itself",
    async run({ open }) {
      const journal = await open();
      await journal.saveSnapshot(cart, snapshotAt(10, { revision: 2, horizon: { foreign: 5, derived: 7 } }));
      await journal.saveSnapshot(cart, snapshotAt(9, { revision: 2, horizon: { foreign: 6, derived: 0 } }));
      await journal.saveSnapshot(cart, snapshotAt(11, { revision: 1, horizon: { foreign: 0, derived: 8 } }));
      const horizon = { foreign: 6, derived: 8 };
      deepEqual(plain((await journal.load(cart)).snapshot), snapshotAt(10, { revision: 2, horizon }));
    },
  },
  {
    name: "horizon: is the greatest of those that are saved at once",
    async run({ open }) {
      const journal = await open();
      const saves = Array.from({ length: 20 }, (_, i) =>
        journal.saveSnapshot(cart, snapshotAt(20 - i, { horizon: { foreign: i, derived: 19 - i } })),
      );
      await Promise.all(saves);
      deepEqual(plain((await journal.load(cart)).snapshot), snapshotAt(20, { horizon: { foreign: 19, derived: 19 } }));
    },
  },
  {
    name: "snapshot: is seen by every load that begins after it was stored",
    needs: ["instances"],
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      await store(one, cart, recordsUpTo(6));
      for (let sequence = 1; sequence <= 6; sequence++) {
        const [writer, reader] = sequence % 2 === 0 ? [one, two] : [two, one];
        await writer.saveSnapshot(cart, snapshotAt(sequence));
        const records = recordsUpTo(6).slice(sequence);
        deepEqual(plain(await reader.load(cart)), { snapshot: snapshotAt(sequence), records });
      }
    },
  },
  {
    name: "snapshot: belongs to its stream alone",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(2));
      await store(journal, other, recordsUpTo(2));
      await journal.saveSnapshot(cart, snapshotAt(2, { revision: 3, horizon: { foreign: 9, derived: 9 } }));
      deepEqual(plain(await journal.load(other)), { records: recordsUpTo(2) });
      await journal.saveSnapshot(other, snapshotAt(1));
      deepEqual(plain(await journal.load(other)), { snapshot: snapshotAt(1), records: recordsUpTo(2).slice(1) });
    },
  },
];
