import { deepEqual, ok } from "node:assert/strict";
import type { Journal, KeyIndex, StoredKey } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import {
  cart,
  hashAt,
  keysFound,
  numbers,
  other,
  pageOf,
  plain,
  recordAt,
  snapshotAt,
  store,
  turn,
} from "./fixtures.ts";

function indexOf(journal: Journal): KeyIndex {
  if (journal.keys.kind !== "index") throw new Error("the case needs an index");
  return journal.keys;
}

/** Records `1..count`, every second of which consumes a derived key, with their page stored. */
async function storeKeys(journal: Journal, count: number, stream = cart): Promise<void> {
  const records = numbers(1, count).map((n) => recordAt(n, n % 2 === 0 ? { derived: true } : {}));
  await store(journal, stream, records);
  await journal.saveSnapshot(stream, snapshotAt(count), { page: pageOf(1, count) });
}

const needs = ["index"] as const;

/** What a journal with a key index does beyond finding keys: order, the horizon beside them, forgetting. */
export const keyIndexCases: readonly JournalCase[] = [
  {
    name: "index: find answers for each hash in the order in which they were asked",
    needs,
    async run({ open }) {
      const journal = await open();
      await storeKeys(journal, 6);
      const { find } = indexOf(journal);
      const asked = [5, 99, 1, 1, 98, 6].map(hashAt);
      deepEqual([...(await find(cart, asked)).sequences], [5, undefined, 1, 1, undefined, 6]);
      deepEqual([...(await find(cart, [])).sequences], []);
      const differing = [hashAt(5).toLowerCase(), hashAt(5).slice(1), `${hashAt(5)} `];
      deepEqual([...(await find(cart, differing)).sequences], [undefined, undefined, undefined]);
    },
  },
  {
    name: "index: find gives the stored horizon with the keys",
    needs,
    async run({ open }) {
      const journal = await open();
      await storeKeys(journal, 2);
      await journal.saveSnapshot(cart, snapshotAt(3, { horizon: { foreign: 7, derived: 5 } }));
      await journal.saveSnapshot(cart, snapshotAt(1, { horizon: { foreign: 6, derived: 8 } }));
      const found = await indexOf(journal).find(cart, [hashAt(1), hashAt(3)]);
      deepEqual([...found.sequences], [1, undefined]);
      deepEqual(plain(found.horizon), { foreign: 7, derived: 8 });
      deepEqual(plain((await indexOf(journal).find(cart, [])).horizon), { foreign: 7, derived: 8 });
    },
  },
  {
    name: "index: forgets the keys of a range and kind, and raises the horizon",
    needs,
    async run({ open }) {
      const journal = await open();
      await storeKeys(journal, 10);
      const horizon = { foreign: 0, derived: 4 };
      await journal.saveSnapshot(cart, snapshotAt(11, { horizon }), { forgotten: [{ from: 3, to: 6, derived: true }] });
      const left = [1, 2, 3, undefined, 5, undefined, 7, 8, 9, 10];
      deepEqual(await keysFound(journal, cart, 1, 10), left);
      deepEqual(plain((await indexOf(journal).find(cart, [])).horizon), horizon);
      deepEqual(plain((await journal.load(cart)).snapshot), snapshotAt(11, { horizon }));
    },
  },
  {
    name: "index: forgets several ranges of both kinds at once",
    needs,
    async run({ open }) {
      const journal = await open();
      await storeKeys(journal, 12);
      await journal.saveSnapshot(cart, snapshotAt(12), {
        forgotten: [
          { from: 1, to: 2, derived: false },
          { from: 1, to: 5, derived: true },
          { from: 9, to: 12, derived: false },
        ],
      });
      const u = undefined;
      deepEqual(await keysFound(journal, cart, 1, 12), [u, u, 3, u, 5, 6, 7, 8, u, 10, u, 12]);
    },
  },
  {
    name: "index: forgets also when the snapshot itself is older than the stored one",
    needs,
    async run({ open }) {
      const journal = await open();
      await storeKeys(journal, 4);
      const horizon = { foreign: 9, derived: 0 };
      await journal.saveSnapshot(cart, snapshotAt(3, { horizon }), { forgotten: [{ from: 1, to: 4, derived: false }] });
      deepEqual(await keysFound(journal, cart, 1, 4), [undefined, 2, undefined, 4]);
      deepEqual(plain((await journal.load(cart)).snapshot), snapshotAt(4, { horizon }));
    },
  },
  {
    name: "index: forgets what the same call's page brings",
    needs,
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, [recordAt(1), recordAt(2, { derived: true })]);
      const forgotten = [{ from: 1, to: 2, derived: false }];
      await journal.saveSnapshot(cart, snapshotAt(2), { page: pageOf(1, 2), forgotten });
      deepEqual(await keysFound(journal, cart, 1, 2), [undefined, 2]);
    },
  },
  {
    name: "index: a key that a later record consumed again stays when the earlier one is forgotten",
    needs,
    async run({ open }) {
      const journal = await open();
      const again = JSON.stringify([{ id: "again", command: "addItem", key: hashAt(1) }]);
      await store(journal, cart, [recordAt(1), recordAt(2)]);
      await journal.saveSnapshot(cart, snapshotAt(2), { page: pageOf(1, 2) });
      await store(journal, cart, [recordAt(3, { entries: again })]);
      const keys: readonly StoredKey[] = [[hashAt(1), 3]];
      const forgotten = [{ from: 1, to: 2, derived: false }];
      await journal.saveSnapshot(cart, snapshotAt(3), { page: { ...pageOf(3, 3), keys }, forgotten });
      deepEqual(await keysFound(journal, cart, 1, 2), [3, undefined]);
    },
  },
  {
    name: "index: forgets the keys of its stream alone",
    needs,
    async run({ open }) {
      const journal = await open();
      const streams = [other, { ...cart, entity: "order" }, { ...cart, tenant: "other" }];
      for (const stream of [cart, ...streams]) await storeKeys(journal, 3, stream);
      const horizon = { foreign: 5, derived: 5 };
      const forgotten = [false, true].map((derived) => ({ from: 1, to: 3, derived }));
      await journal.saveSnapshot(cart, snapshotAt(4, { horizon }), { forgotten });
      deepEqual(await keysFound(journal, cart, 1, 3), [undefined, undefined, undefined]);
      for (const stream of streams) {
        deepEqual(await keysFound(journal, stream, 1, 3), [1, 2, 3]);
        deepEqual(plain((await indexOf(journal).find(stream, [])).horizon), { foreign: 0, derived: 0 });
      }
    },
  },
  {
    name: "index: a key that is being forgotten is found, or the horizon is raised",
    needs,
    async run({ open }) {
      const journal = await open();
      await storeKeys(journal, 12);
      const { find } = indexOf(journal);
      for (let n = 1; n <= 11; n += 2) {
        let saved = false;
        const saving = journal
          .saveSnapshot(cart, snapshotAt(12 + n, { horizon: { foreign: n, derived: 0 } }), {
            forgotten: [{ from: n, to: n, derived: false }],
          })
          .finally(() => {
            saved = true;
          });
        for (;;) {
          const enough = saved;
          const { sequences, horizon } = await find(cart, [hashAt(n)]);
          ok(sequences[0] === n || horizon.foreign >= n, `key ${n} is gone, the horizon is ${horizon.foreign}`);
          if (enough) break;
          await turn();
        }
        await saving;
        deepEqual([...(await find(cart, [hashAt(n)])).sequences], [undefined]);
      }
    },
  },
];
