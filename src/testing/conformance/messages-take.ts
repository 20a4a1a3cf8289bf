import { deepEqual, equal } from "node:assert/strict";
import type { MessageStoreCase } from "./delivery-case.ts";
import { cart, other, plain, recordAt, recordsUpTo, store as append } from "./fixtures.ts";
import { at, claimOf, consumer, failures, now, own, owned, settles } from "./messages-fixtures.ts";

const minute = 60_000;

/** Who owns a consumer. */
export const takeCases: readonly MessageStoreCase[] = [
  {
    name: "take: a consumer that is new begins where it says: at the beginning, or behind the last record",
    async run({ open }) {
      const store = await open();
      await append(store, cart, recordsUpTo(3));
      const first = await store.take("subscription:first", claimOf("o1"));
      deepEqual(plain(first), { kind: "taken", kept: false, position: 0, parked: [] });
      const last = await store.take("subscription:last", claimOf("o1", { start: "now" }));
      equal(last.kind === "taken" && !last.kept, true);
      await append(store, other, [recordAt(1)]);
      const fresh = await store.recordsAfter(last.position, 10);
      deepEqual(
        fresh.map(({ stream }) => stream.id),
        [other.id],
      );
      equal((await store.recordsAfter(first.position, 10)).length, 4);
    },
  },
  {
    name: "take: where it begins is decided once, when it is new",
    async run({ open }) {
      const store = await open();
      const { position } = await own(store, "o1", { start: "now" });
      await append(store, cart, recordsUpTo(3));
      equal((await own(store, "o1", { start: "now" })).position, position);
      equal((await own(store, "o2", { start: "now", now: now + minute })).position, position);
      equal((await own(store, "o3", { start: "beginning", now: now + 2 * minute })).position, position);
    },
  },
  {
    name: "take: the owner takes it again, and it was kept",
    async run({ open }) {
      const store = await owned(open);
      await settles(store);
      for (const later of [1, 9_999, 30_000, 40_000_000]) {
        const taken = await own(store, "o1", { now: now + later });
        deepEqual([taken.kept, taken.position], [true, 0]);
      }
    },
  },
  {
    name: "take: while somebody else's lease lasts it is held, with its end and how far it got",
    async run({ open }) {
      const store = await owned(open);
      const settled = await store.settle(consumer, "o1", { position: 7, until: now + 12_000, changes: [] });
      equal(settled, true);
      for (const later of [0, 11_999]) {
        const held = await store.take(consumer, claimOf("o2", { now: now + later }));
        deepEqual(plain(held), { kind: "held", until: now + 12_000, position: 7 });
      }
      // And the one who asked has changed nothing.
      deepEqual((await own(store, "o1", { now: now + 11_999 })).kept, true);
    },
  },
  {
    name: "take: when the lease has ended it is taken over, where it stands",
    async run({ open }) {
      const store = await owned(open);
      equal(await store.settle(consumer, "o1", { position: 7, until: now + 12_000, changes: [] }), true);
      const taken = await own(store, "o2", { now: now + 12_000 });
      deepEqual([taken.kept, taken.position], [false, 7]);
      const held = await store.take(consumer, claimOf("o1", { now: now + 12_001 }));
      deepEqual(plain(held), { kind: "held", until: now + 22_000, position: 7 });
      // Whoever has lost it in between is told so, even if nobody has it now.
      const again = await own(store, "o1", { now: now + 22_000 });
      deepEqual([again.kept, again.position], [false, 7]);
    },
  },
  {
    name: "take: a lease that was given back is free at once",
    async run({ open }) {
      const store = await owned(open);
      equal(await store.settle(consumer, "o1", { position: 7, until: 0, changes: [] }), true);
      const taken = await own(store, "o2", { now: now + 1 });
      deepEqual([taken.kept, taken.position], [false, 7]);
    },
  },
  {
    name: "take: a lease that ends later than any clock can have meant does not count",
    async run({ open }) {
      const store = await open();
      await own(store, "o1", { until: now + 365 * 24 * 60 * minute });
      const taken = await own(store, "o2", { now: now + 1 });
      equal(taken.kept, false);
      await own(store, "o2", { now: now + 2, until: now + 60_002 });
      const held = await store.take(consumer, claimOf("o1", { now: now + 2, longest: now + 60_002 }));
      equal(held.kind, "held");
    },
  },
  {
    name: "take: of ten that race for it one takes it",
    async run({ open }) {
      const store = await open();
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) => store.take(consumer, claimOf(`o${n}`, { start: "now" }))),
      );
      equal(answers.filter(({ kind }) => kind === "taken").length, 1);
    },
  },
  {
    name: "take: each consumer has an owner and a position of its own",
    async run({ open }) {
      const store = await owned(open);
      equal(await store.settle(consumer, "o1", { position: 7, until: now + 10_000, changes: [] }), true);
      const taken = await store.take("subscription:two", claimOf("o2"));
      deepEqual(plain(taken), { kind: "taken", kept: false, position: 0, parked: [] });
      equal(await store.settle("subscription:two", "o1", { position: 9, until: now, changes: [] }), false);
    },
  },
  {
    name: "take: whoever takes it over gets its parked streams, each with the last sequence up to its position",
    async run({ open }) {
      const store = await owned(open);
      await append(store, cart, recordsUpTo(2));
      await append(store, other, recordsUpTo(1));
      await append(store, cart, [recordAt(3)]);
      const [position = 0] = (await store.recordsAfter(0, 10)).slice(-1).map((last) => last.position);
      await append(store, other, [recordAt(2)]);
      const changes = [
        { kind: "park", at: at(2, 3), failures, due: now + 1_000 },
        { kind: "park", at: at(1, 1, other), failures: undefined, due: now + 2_000 },
      ] as const;
      equal(await store.settle(consumer, "o1", { position, until: 0, changes }), true);
      const { parked } = await own(store, "o2");
      deepEqual(
        plain(parked).toSorted((a, b) => a.due - b.due),
        [
          { at: at(2, 3), through: 3, failures, due: now + 1_000 },
          { at: at(1, 1, other), through: 1, due: now + 2_000 },
        ],
      );
      // Another consumer's are not among them.
      const taken = await store.take("subscription:two", claimOf("o1"));
      deepEqual(taken.kind === "taken" && taken.parked, []);
    },
  },
  {
    name: "take: the owner that takes it again gets its parked streams, too: it may not have heard of them",
    async run({ open }) {
      const store = await owned(open);
      await append(store, cart, recordsUpTo(2));
      await settles(store, { kind: "park", at: at(1), failures, due: now });
      for (const owner of ["o2", "o2"]) {
        const { parked } = await own(store, owner, { now: now + 10_000 });
        deepEqual(plain(parked), [{ at: at(1), through: 0, failures, due: now }]);
      }
    },
  },
  {
    name: "take: a stream that is parked ahead of the position is among them, with what lies up to the position",
    async run({ open }) {
      const store = await owned(open);
      await append(store, cart, recordsUpTo(3));
      const [first] = await store.recordsAfter(0, 1);
      const changes = [{ kind: "park", at: at(3), failures, due: now }] as const;
      equal(await store.settle(consumer, "o1", { position: first?.position ?? 0, until: 0, changes }), true);
      deepEqual(plain((await own(store, "o2")).parked), [{ at: at(3), through: 1, failures, due: now }]);
    },
  },
  {
    name: "take: one instance sees at once what another has taken and settled",
    needs: ["instances"],
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      await own(one, "o1");
      equal((await two.take(consumer, claimOf("o2"))).kind, "held");
      equal(await one.settle(consumer, "o1", { position: 5, until: 0, changes: [] }), true);
      deepEqual((await own(two, "o2")).position, 5);
      equal(await one.settle(consumer, "o1", { position: 6, until: now, changes: [] }), false);
    },
  },
];
