import { deepEqual, equal } from "node:assert/strict";
import type { MessageStoreCase } from "./delivery-case.ts";
import { cart, plain } from "./fixtures.ts";
import {
  at,
  consumer,
  dueBy,
  failures,
  far,
  names,
  now,
  owned,
  reason,
  sendNamed,
  settles,
} from "./messages-fixtures.ts";

/** What waits. */
export const dueCases: readonly MessageStoreCase[] = [
  {
    name: "due: gives what is due by now, the earliest first, those of equal times in the order they came",
    async run({ open }) {
      const store = await owned(open);
      const times = [30, 10, 20, 10, 40, 10];
      await store.send(
        consumer,
        times.map((ms, i) => ({ name: `m${i}`, created: now + ms })),
      );
      deepEqual(names(await dueBy(store, now + 30)), ["m1", "m3", "m5", "m2", "m0"]);
      deepEqual(names(await dueBy(store, now + 9)), []);
      const [, second] = await dueBy(store);
      await settles(store, { kind: "postpone", id: second?.id ?? 0, due: now + 5, failures });
      deepEqual(names(await dueBy(store)), ["m3", "m1", "m5", "m2", "m0", "m4"]);
    },
  },
  {
    name: "due: gives up to limit",
    async run({ open }) {
      const store = await owned(open);
      await sendNamed(store, ["a", "b", "c", "d"]);
      for (const limit of [1, 2, 4, 5]) {
        const { messages } = await store.due(consumer, { now: far, limit });
        deepEqual(names(messages), ["a", "b", "c", "d"].slice(0, limit));
      }
    },
  },
  {
    name: "due: says when the next one is due that is not due yet",
    async run({ open }) {
      const store = await owned(open);
      equal((await store.due(consumer, { now, limit: 10 })).nextAt, undefined);
      await sendNamed(store, ["a", "b", "c"]);
      const nextAt = async (at: number) => (await store.due(consumer, { now: at, limit: 1 })).nextAt;
      deepEqual([await nextAt(now - 1), await nextAt(now), await nextAt(now + 1)], [now, now + 1, now + 2]);
      equal(await nextAt(now + 2), undefined);
    },
  },
  {
    name: "due: says when the next parked stream is due, be that in the past; it is no message",
    async run({ open }) {
      const store = await owned(open);
      const parkedAt = async () => plain(await store.due(consumer, { now, limit: 10 }));
      deepEqual(await parkedAt(), { messages: [] });
      await settles(store, { kind: "park", at: at(1), failures, due: now + 9 });
      deepEqual(await parkedAt(), { messages: [], parkedAt: now + 9 });
      await settles(store, { kind: "park", at: at(1, 1, { ...cart, id: "b" }), failures, due: now - 9 });
      deepEqual(await parkedAt(), { messages: [], parkedAt: now - 9 });
      await settles(store, { kind: "unpark", stream: { ...cart, id: "b" } });
      deepEqual(await parkedAt(), { messages: [], parkedAt: now + 9 });
    },
  },
  {
    name: "due: what is dead is not due",
    async run({ open }) {
      const store = await owned(open);
      await sendNamed(store, ["a", "b"]);
      const [a] = await dueBy(store);
      await settles(
        store,
        { kind: "bury", id: a?.id ?? 0, failures, reason },
        { kind: "dead", message: { ...at(1), created: now }, failures, reason },
      );
      deepEqual(names(await dueBy(store)), ["b"]);
      deepEqual(plain(await store.due(consumer, { now: now - 1, limit: 9 })), { messages: [], nextAt: now + 1 });
    },
  },
  {
    name: "due: each consumer has messages of its own",
    async run({ open }) {
      const store = await owned(open);
      await sendNamed(store, ["a"]);
      await sendNamed(store, ["b"], "queue:b");
      deepEqual(names(await dueBy(store)), ["a"]);
      deepEqual(names(await dueBy(store, far, "queue:b")), ["b"]);
      deepEqual(plain(await store.due("queue:c", { now: far, limit: 9 })), { messages: [] });
    },
  },
  {
    name: "send: stores messages as they are, due at once, also for a consumer that nobody has taken yet",
    async run({ open }) {
      const store = await open();
      const body = '{"text":"\\u0000 \u{1F600} \'\\"-- \u2028"}';
      await store.send("queue:new", [
        { name: "a", body, attributes: '{"x":"y"}', created: now },
        { created: now + 1 },
        { name: "a", body: "", created: now + 2 },
      ]);
      deepEqual(
        (await dueBy(store, now + 2, "queue:new")).map(({ id: _id, ...message }) => message),
        [
          { created: now, name: "a", body, attributes: '{"x":"y"}' },
          { created: now + 1 },
          { created: now + 2, name: "a", body: "" },
        ],
      );
    },
  },
  {
    name: "send: messages that are sent at the same time are all kept, each with an id of its own",
    async run({ open }) {
      const store = await open();
      await Promise.all(Array.from({ length: 100 }, (_, n) => sendNamed(store, [`m${n}`, `n${n}`])));
      const messages = await dueBy(store);
      equal(messages.length, 200);
      equal(new Set(messages.map(({ id }) => id)).size, 200);
    },
  },
];
