import { deepEqual, equal } from "node:assert/strict";
import type { Journal, StreamId } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import {
  cart,
  hashAt,
  keysFound,
  numbers,
  other,
  pageOf,
  plain,
  recordsUpTo,
  snapshotAt,
  store,
  turn,
} from "./fixtures.ts";

async function pagesIn(journal: Journal, stream: StreamId, from: number, to: number): Promise<readonly number[]> {
  if (journal.keys.kind !== "pages") throw new Error("the case needs pages");
  const pages = await journal.keys.load(stream, from, to);
  return pages
    .flat()
    .map(([, sequence]) => sequence)
    .toSorted((a, b) => a - b);
}

/** Idempotency keys, whichever way the journal finds them, and pages. What an index alone does: journal-key-index.ts. */
export const keyCases: readonly JournalCase[] = [
  {
    name: "keys: those of a page are found once its snapshot is stored, and no others",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(20));
      deepEqual(
        await keysFound(journal, cart, 1, 20),
        numbers(1, 20).map(() => undefined),
      );
      await journal.saveSnapshot(cart, snapshotAt(10), { page: pageOf(1, 10) });
      deepEqual(await keysFound(journal, cart, 1, 10), numbers(1, 10));
      deepEqual(
        await keysFound(journal, cart, 11, 20),
        numbers(11, 20).map(() => undefined),
      );
      await journal.saveSnapshot(cart, snapshotAt(20), { page: pageOf(11, 20) });
      deepEqual(await keysFound(journal, cart, 1, 20), numbers(1, 20));
    },
  },
  {
    name: "keys: are stored also when their snapshot is older than the stored one",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(20));
      await journal.saveSnapshot(cart, snapshotAt(20, { revision: 2 }), { page: pageOf(11, 20) });
      await journal.saveSnapshot(cart, snapshotAt(10, { revision: 2 }), { page: pageOf(1, 10) });
      deepEqual(await keysFound(journal, cart, 1, 20), numbers(1, 20));
      deepEqual(plain((await journal.load(cart)).snapshot), snapshotAt(20, { revision: 2 }));
    },
  },
  {
    name: "keys: a snapshot without a page leaves the stored ones as they are",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(4));
      await journal.saveSnapshot(cart, snapshotAt(2), { page: pageOf(1, 2) });
      await journal.saveSnapshot(cart, snapshotAt(3));
      await journal.saveSnapshot(cart, snapshotAt(4), {});
      await journal.saveSnapshot(cart, snapshotAt(5), { forgotten: [] });
      deepEqual(await keysFound(journal, cart, 1, 2), [1, 2]);
    },
  },
  {
    name: "keys: whoever sees a snapshot finds the keys of its page",
    async run({ open }) {
      const journal = await open();
      await store(journal, cart, recordsUpTo(12));
      for (let sequence = 2; sequence <= 12; sequence += 2) {
        let saved = false;
        const saving = journal
          .saveSnapshot(cart, snapshotAt(sequence), { page: pageOf(sequence - 1, sequence) })
          .finally(() => {
            saved = true;
          });
        for (;;) {
          const enough = saved;
          const at = (await journal.load(cart)).snapshot?.sequence ?? 0;
          if (at > 0) deepEqual(await keysFound(journal, cart, 1, at), numbers(1, at));
          if (enough) break;
          await turn();
        }
        await saving;
      }
    },
  },
  {
    name: "keys: one instance finds those that another stored",
    needs: ["instances"],
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      await store(one, cart, recordsUpTo(4));
      await one.saveSnapshot(cart, snapshotAt(2), { page: pageOf(1, 2) });
      deepEqual(await keysFound(two, cart, 1, 4), [1, 2, undefined, undefined]);
      await two.saveSnapshot(cart, snapshotAt(4), { page: pageOf(3, 4) });
      deepEqual(await keysFound(one, cart, 1, 4), [1, 2, 3, 4]);
    },
  },
  {
    name: "keys: a page of 2,000 keys is found as a whole",
    async run({ open }) {
      const journal = await open();
      await journal.saveSnapshot(cart, snapshotAt(2_000), { page: pageOf(1, 2_000) });
      deepEqual(await keysFound(journal, cart, 1, 2_000), numbers(1, 2_000));
    },
  },
  {
    name: "keys: one record may have consumed many, and a page may be stored again",
    async run({ open }) {
      const journal = await open();
      const keys = numbers(1, 50).map((n) => [hashAt(n), 7] as const);
      for (let round = 0; round < 2; round++) {
        await journal.saveSnapshot(cart, snapshotAt(7), { page: { ...pageOf(7, 7), keys } });
      }
      deepEqual(new Set(await keysFound(journal, cart, 1, 50)), new Set([7]));
    },
  },
  {
    name: "keys: those of one stream are not another's",
    async run({ open }) {
      const journal = await open();
      const strangers = [other, { ...cart, entity: "order" }, { ...cart, tenant: "other" }];
      for (const stream of [cart, ...strangers]) await store(journal, stream, recordsUpTo(3));
      await journal.saveSnapshot(cart, snapshotAt(3, { horizon: { foreign: 1, derived: 2 } }), { page: pageOf(1, 3) });
      for (const stream of strangers) {
        deepEqual(await keysFound(journal, stream, 1, 3), [undefined, undefined, undefined]);
      }
      deepEqual(await keysFound(journal, cart, 1, 3), [1, 2, 3]);
    },
  },
  {
    name: "pages: load gives those whose sequence lies within the bounds, both included",
    needs: ["pages"],
    async run({ open }) {
      const journal = await open();
      for (const sequence of [3, 9, 12]) {
        await journal.saveSnapshot(cart, snapshotAt(sequence), { page: pageOf(sequence - 1, sequence) });
      }
      const expected: readonly (readonly [from: number, to: number, found: readonly number[]])[] = [
        [1, 100, [2, 3, 8, 9, 11, 12]],
        [3, 12, [2, 3, 8, 9, 11, 12]],
        [4, 11, [8, 9]],
        [9, 9, [8, 9]],
        [10, 12, [11, 12]],
        [1, 2, []],
        [4, 8, []],
        [13, Number.MAX_SAFE_INTEGER, []],
      ];
      for (const [from, to, found] of expected) {
        deepEqual(await pagesIn(journal, cart, from, to), found, `${from}..${to}`);
      }
    },
  },
  {
    name: "pages: each comes back with its own keys",
    needs: ["pages"],
    async run({ open }) {
      const journal = await open();
      await journal.saveSnapshot(cart, snapshotAt(4), { page: pageOf(1, 4) });
      await journal.saveSnapshot(cart, snapshotAt(6), { page: pageOf(5, 6) });
      if (journal.keys.kind !== "pages") throw new Error("the case needs pages");
      const pages = await journal.keys.load(cart, 1, 6);
      const ascending = pages.toSorted((a, b) => (a[0]?.[1] ?? 0) - (b[0]?.[1] ?? 0));
      deepEqual(plain(ascending), plain([pageOf(1, 4).keys, pageOf(5, 6).keys]));
    },
  },
  {
    name: "pages: what a read returned, or the caller keeps, cannot be used to change what is stored",
    needs: ["pages"],
    async run({ open }) {
      const journal = await open();
      const { keys, ...rest } = pageOf(1, 3);
      const kept = keys.map(([hash, sequence]): [string, number] => [hash, sequence]);
      await journal.saveSnapshot(cart, snapshotAt(3), { page: { ...rest, keys: kept } });
      const change = (list: readonly (readonly unknown[])[]): void => {
        // Typed as readonly; a caller in JavaScript is not held by that. A frozen list may refuse.
        for (const key of list) if (!Object.isFrozen(key)) (key as unknown[])[1] = 99;
        if (!Object.isFrozen(list)) (list as unknown[]).pop();
      };
      change(kept);
      if (journal.keys.kind !== "pages") throw new Error("the case needs pages");
      for (const page of await journal.keys.load(cart, 1, 3)) change(page);
      equal((await journal.keys.load(cart, 1, 3)).length, 1);
      deepEqual(await keysFound(journal, cart, 1, 3), [1, 2, 3]);
    },
  },
];
