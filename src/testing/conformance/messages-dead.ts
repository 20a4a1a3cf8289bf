import { deepEqual, equal } from "node:assert/strict";
import type { DeliveryStore, MessageStoreCase } from "./delivery-case.ts";
import { cart, other, recordAt, recordsUpTo, store as append } from "./fixtures.ts";
import {
  at,
  bury,
  claimOf,
  consumer,
  deadOf,
  dueBy,
  failures,
  far,
  names,
  now,
  onlyDue,
  owned,
  reason,
  settles,
} from "./messages-fixtures.ts";

const two = "subscription:two";

/** Dead letters of two consumers in turn. */
async function manyDead(store: DeliveryStore): Promise<void> {
  for (let sequence = 1; sequence <= 7; sequence++) {
    const of = sequence % 3 === 0 ? two : consumer;
    await settles(store, {
      kind: "dead",
      consumer: of,
      message: { ...at(sequence), created: now + sequence },
      failures,
      reason,
    });
  }
}

/** What was given up. */
export const deadCases: readonly MessageStoreCase[] = [
  {
    name: "dead: lists dead letters in ascending order of ids, in pages, of one consumer or of all",
    async run({ open }) {
      const store = await owned(open);
      deepEqual(await deadOf(store), []);
      await manyDead(store);
      const lists = [
        [undefined, [1, 2, 3, 4, 5, 6, 7]],
        [consumer, [1, 2, 4, 5, 7]],
        [two, [3, 6]],
        ["subscription:none", []],
      ] as const;
      for (const [of, expected] of lists) {
        for (const limit of [1, 2, 3, 7, 8]) {
          const seen: (number | undefined)[] = [];
          for (let after = 0; seen.length <= 7; ) {
            const page = await store.dead({ limit, after, ...(of !== undefined && { consumer: of }) });
            equal(page.length <= limit, true);
            if (page.length === 0) break;
            for (const { id, sequence } of page) {
              equal(id > after, true);
              after = id;
              seen.push(sequence);
            }
          }
          deepEqual(seen, expected, `${of ?? "all"}, pages of ${limit}`);
        }
      }
    },
  },
  {
    name: "dead: what waits, is parked or has been deleted is not among them",
    async run({ open }) {
      const store = await owned(open);
      await bury(store, "dead");
      await settles(
        store,
        { kind: "park", at: at(1), failures, due: now },
        { kind: "arm", name: "a", stream: cart, due: now, sequence: 1, now },
      );
      await store.send(consumer, [{ name: "waits", created: now }]);
      const failing = (await dueBy(store)).find(({ name }) => name === "waits");
      await settles(store, { kind: "postpone", id: failing?.id ?? 0, due: now, failures });
      deepEqual(names(await deadOf(store)), ["dead"]);
    },
  },
  {
    name: "redrive: puts a dead letter back at its own consumer, due, with no failure counted",
    async run({ open }) {
      const store = await owned(open);
      await manyDead(store);
      const letters = await deadOf(store);
      const third = letters[2];
      equal(await store.redrive([third?.id ?? 0], now + 50), 1);
      deepEqual(await dueBy(store), []);
      deepEqual(await dueBy(store, now + 49, two), []);
      deepEqual(await dueBy(store, now + 50, two), [{ id: third?.id, created: now + 3, ...at(3) }]);
      deepEqual(
        await deadOf(store),
        letters.filter(({ id }) => id !== third?.id),
      );
    },
  },
  {
    name: "redrive: what was redriven can be given up again, and redriven again",
    async run({ open }) {
      const store = await owned(open);
      const id = await bury(store);
      for (const attempts of [1, 2, 3]) {
        equal(await store.redrive([id], now), 1);
        deepEqual(await deadOf(store), []);
        await settles(store, { kind: "bury", id, failures: { ...failures, attempts }, reason });
        deepEqual(
          (await deadOf(store)).map(({ failures }) => failures.attempts),
          [attempts],
        );
      }
      equal(await store.redrive([id], now), 1);
      await settles(store, { kind: "delete", id });
      deepEqual([await dueBy(store), await deadOf(store)], [[], []]);
    },
  },
  {
    name: "redrive: ids that are not dead are ignored, and one that is named twice is one",
    async run({ open }) {
      const store = await owned(open);
      const id = await bury(store, "a");
      await settles(
        store,
        { kind: "park", at: at(1), failures, due: now + 9 },
        { kind: "plan", name: "t", due: now + 9, body: "{}", now },
      );
      const waiting = await onlyDue(store);
      equal(await store.redrive([id, waiting.id, 987_654, id, 0, -1], now), 1);
      equal(await store.redrive([id], now), 0);
      equal(await store.redrive([], now), 0);
      deepEqual(names(await dueBy(store, now + 8)), ["a"]);
      const { parkedAt, nextAt } = await store.due(consumer, { now, limit: 9 });
      deepEqual([parkedAt, nextAt], [now + 9, now + 9]);
    },
  },
  {
    name: "drop: removes dead letters for good, and nothing else",
    async run({ open }) {
      const store = await owned(open);
      const [a, b] = [await bury(store, "a"), await bury(store, "b")];
      await settles(store, { kind: "arm", name: "t", stream: cart, due: now, sequence: 1, now });
      const { id } = await onlyDue(store);
      equal(await store.drop([a, id, a, 987_654]), 1);
      equal(await store.redrive([a], now), 0);
      deepEqual(names(await deadOf(store)), ["b"]);
      equal((await onlyDue(store)).id, id);
      equal(await store.drop([b]), 1);
      deepEqual(await deadOf(store), []);
    },
  },
  {
    name: "redrive: needs no ownership, and a settle of the owner goes on beside it",
    async run({ open }) {
      const store = await owned(open);
      const id = await bury(store, "a");
      await store.take(consumer, claimOf("o2", { now: now + 20_000 }));
      equal(await store.redrive([id], now), 1);
      equal(await store.settle(consumer, "o1", { position: 1, until: far, changes: [{ kind: "delete", id }] }), false);
      equal((await dueBy(store)).length, 1);
    },
  },
  {
    name: "erase: blanks the reasons of the stream's dead letters, which may quote what was erased",
    async run({ open }) {
      const store = await owned(open);
      for (const stream of [cart, other]) {
        await append(store, stream, recordsUpTo(2));
        await settles(
          store,
          { kind: "dead", message: { ...at(1, 1, stream), created: now }, failures, reason },
          { kind: "dead", message: { ...at(2, 1, stream), created: now }, failures, reason, consumer: two },
        );
      }
      await append(store, cart, [recordAt(3)]);
      await store.erase(cart, 3);
      deepEqual(
        (await deadOf(store)).map(({ stream, reason, sequence }) => [
          stream?.id,
          sequence,
          reason.code,
          reason.message,
        ]),
        [
          [cart.id, 1, "erased", ""],
          [cart.id, 2, "erased", ""],
          [other.id, 1, reason.code, reason.message],
          [other.id, 2, reason.code, reason.message],
        ],
      );
      equal(JSON.stringify(await deadOf(store)).split(reason.message).length, 3);
    },
  },
  {
    name: "replays: one ends where the journal ended when it was asked for, and counts what it did",
    async run({ open }) {
      const store = await owned(open);
      await append(store, cart, recordsUpTo(2));
      const request = { id: "0123456789abcdefghij", subscription: "one", again: false, created: now };
      await store.addReplay(request);
      await append(store, cart, [recordAt(3)]);
      const [last] = (await store.recordsAfter(0, 10)).slice(1, 2);
      const zero = { ...request, through: last?.position, position: 0, handled: 0, skipped: 0 };
      deepEqual(await store.replays(), [zero]);
      deepEqual(await store.replays("unfinished"), [zero]);
      const name = `replay:${request.id}`;
      await store.take(name, claimOf("o1"));
      const replayed = { kind: "replayed", id: request.id } as const;
      const changes = [
        { ...replayed, handled: 2 },
        { ...replayed, skipped: 1 },
        { ...replayed, handled: 1, skipped: 1, finished: now + 5 },
      ];
      equal(await store.settle(name, "o1", { position: 2, until: 0, changes }), true);
      deepEqual(await store.replays("unfinished"), []);
      deepEqual(await store.replays(), [{ ...zero, position: 2, handled: 3, skipped: 2, finished: now + 5 }]);
    },
  },
];
