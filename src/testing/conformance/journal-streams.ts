import { deepEqual } from "node:assert/strict";
import type { Journal } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import { cart, pageOf, recordAt, snapshotAt, store } from "./fixtures.ts";

const range = { tenant: "default", entity: "cart" };

/** In ascending order of their UTF-8 bytes. UTF-16 puts U+10000 before U+FFFD, a dictionary puts "a" before "B". */
const ascending: readonly string[] = [
  "1",
  "10",
  "2",
  "B",
  "a",
  "a ",
  "a!",
  "aa",
  "b",
  "é",
  "漢",
  "\ufffd",
  "\u{10000}",
];

async function storeAll(journal: Journal, ids: readonly string[]): Promise<void> {
  for (const id of ids) await store(journal, { ...cart, id }, [recordAt(1)]);
}

/** The list of an entity's streams. */
export const streamsCases: readonly JournalCase[] = [
  {
    name: "streams: lists ids in ascending UTF-8 order",
    async run({ open }) {
      const journal = await open();
      await storeAll(journal, ascending.toReversed());
      deepEqual(await journal.streams({ ...range, limit: 1_000 }), ascending);
    },
  },
  {
    name: "streams: pages by after and limit, each id once",
    async run({ open }) {
      const journal = await open();
      await storeAll(journal, [...ascending.slice(5), ...ascending.slice(0, 5)]);
      for (const limit of [1, 2, 5, 13, 14]) {
        const seen: string[] = [];
        // Bounded: one that never ends has said something twice.
        while (seen.length <= ascending.length) {
          const after = seen.at(-1);
          const page = await journal.streams({ ...range, ...(after !== undefined && { after }), limit });
          seen.push(...page);
          if (page.length < limit) break;
        }
        deepEqual(seen, ascending, `limit ${limit}`);
      }
    },
  },
  {
    name: "streams: after need not be the id of a stream",
    async run({ open }) {
      const journal = await open();
      await storeAll(journal, ascending);
      const expected: readonly (readonly [after: string, ids: readonly string[]])[] = [
        ["0", ascending],
        ["3", ascending.slice(3)],
        ["ab", ascending.slice(8)],
        ["\uffff", ascending.slice(12)],
        ["\u{10001}", []],
      ];
      for (const [after, ids] of expected) {
        deepEqual(await journal.streams({ ...range, after, limit: 100 }), ids, `after ${after}`);
      }
    },
  },
  {
    name: "streams: lists only streams that have records",
    async run({ open }) {
      const journal = await open();
      await storeAll(journal, ["a", "c"]);
      await journal.saveSnapshot({ ...cart, id: "b" }, snapshotAt(3), { page: pageOf(1, 3) });
      deepEqual(await journal.streams({ ...range, limit: 100 }), ["a", "c"]);
      deepEqual(await journal.streams({ ...range, limit: 2 }), ["a", "c"]);
    },
  },
  {
    name: "streams: lists one entity of one tenant",
    async run({ open }) {
      const journal = await open();
      const names = [
        ["default", "cart"],
        ["default", "cart2"],
        ["default", "Cart"],
        ["default-1", "cart"],
        ["d", "cart"],
      ] as const;
      for (const [n, [tenant, entity]] of names.entries()) {
        for (const id of [`own-${n}`, "shared"]) await store(journal, { tenant, entity, id }, [recordAt(1)]);
      }
      for (const [n, [tenant, entity]] of names.entries()) {
        deepEqual(await journal.streams({ tenant, entity, limit: 100 }), [`own-${n}`, "shared"]);
      }
      deepEqual(await journal.streams({ tenant: "default", entity: "car", limit: 100 }), []);
    },
  },
  {
    name: "streams: names a stream once, however many records it has, and as soon as the first is stored",
    async run({ open }) {
      const journal = await open();
      const seen: string[] = [];
      for (const id of ["a", "b", "c"]) {
        for (const sequence of [1, 2, 3]) {
          await store(journal, { ...cart, id }, [recordAt(sequence)]);
          if (sequence === 1) seen.push(id);
          deepEqual(await journal.streams({ ...range, limit: 100 }), seen);
        }
      }
    },
  },
];
