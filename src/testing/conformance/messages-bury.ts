import { deepEqual, equal } from "node:assert/strict";
import type { Change } from "../../core/delivery/port.ts";
import type { MessageStoreCase } from "./delivery-case.ts";
import { other } from "./fixtures.ts";
import {
  at,
  consumer,
  deadOf,
  dueBy,
  failures,
  now,
  onlyDue,
  owned,
  reason,
  settles,
  arm,
} from "./messages-fixtures.ts";

/** Dead letters that are settled: made of what waits, or as they are given. */
export const buryCases: readonly MessageStoreCase[] = [
  {
    name: "bury: makes a waiting message a dead one",
    async run({ open }) {
      const store = await owned(open);
      await store.send(consumer, [{ name: "m", body: "{}", attributes: '{"a":"b"}', created: now }]);
      const message = await onlyDue(store);
      await settles(store, { kind: "bury", id: message.id, failures, reason });
      deepEqual(await dueBy(store), []);
      deepEqual(await deadOf(store), [{ ...message, consumer, failures, reason }]);
    },
  },
  {
    name: "bury: frees the name, so that arming or planning makes a new message",
    async run({ open }) {
      const store = await owned(open);
      const plan: Change = { kind: "plan", name: "tick", due: now, body: "1", now };
      await settles(store, arm(now, 3), plan);
      const old = await dueBy(store);
      await settles(store, ...old.map(({ id }): Change => ({ kind: "bury", id, failures, reason })));
      await settles(store, arm(now + 50, 4), { ...plan, due: now + 60, body: "2" });
      const fresh = await dueBy(store);
      deepEqual(
        fresh.map(({ name, sequence, body, failures }) => [name, sequence, body, failures]),
        [
          ["later", 4, undefined, undefined],
          ["tick", undefined, "2", undefined],
        ],
      );
      deepEqual(
        (await deadOf(store)).map(({ id }) => id),
        old.map(({ id }) => id),
      );
      equal(
        fresh.some(({ id }) => old.some((before) => before.id === id)),
        false,
      );
      // Back from the dead, they are beside those that have taken their names.
      equal(
        await store.redrive(
          old.map(({ id }) => id),
          now,
        ),
        2,
      );
      equal((await dueBy(store)).length, 4);
      await settles(store, arm(now + 70, 5));
      equal((await dueBy(store)).length, 4);
    },
  },
  {
    name: "bury: with a sequence, only if nothing has armed it since",
    async run({ open }) {
      const store = await owned(open);
      await settles(store, arm(now, 3));
      const { id } = await onlyDue(store);
      await settles(store, arm(now + 50, 4), { kind: "bury", id, failures, reason, sequence: 3 });
      deepEqual(await deadOf(store), []);
      equal((await onlyDue(store)).sequence, 4);
      await settles(store, { kind: "bury", id, failures, reason, sequence: 4 });
      deepEqual(await dueBy(store), []);
      deepEqual(
        (await deadOf(store)).map((dead) => dead.id),
        [id],
      );
    },
  },
  {
    name: "dead: adds a dead message, as it is given",
    async run({ open }) {
      const store = await owned(open);
      await settles(
        store,
        { kind: "dead", message: { ...at(3, 2), created: now + 1 }, failures, reason },
        { kind: "dead", message: { body: "b", attributes: "{}", created: now + 2 }, failures, reason },
        {
          kind: "dead",
          message: { ...at(4), again: "r1", created: now + 3 },
          failures,
          reason,
          consumer: "subscription:two",
        },
      );
      deepEqual(await dueBy(store), []);
      deepEqual(
        (await deadOf(store)).map(({ id: _id, ...dead }) => dead),
        [
          { created: now + 1, ...at(3, 2), failures, consumer, reason },
          { created: now + 2, body: "b", attributes: "{}", failures, consumer, reason },
          { created: now + 3, ...at(4), again: "r1", failures, consumer: "subscription:two", reason },
        ],
      );
    },
  },
  {
    name: "dead: one that is settled again, as its answer was lost, is one dead letter",
    async run({ open }) {
      const store = await owned(open);
      const dead: Change = { kind: "dead", message: { ...at(3, 2), created: now }, failures, reason };
      await settles(store, dead);
      const later = { ...failures, attempts: 9 };
      await settles(store, { ...dead, failures: later });
      const letters = await deadOf(store);
      deepEqual(
        letters.map(({ sequence, n, failures }) => [sequence, n, failures]),
        [[3, 2, later]],
      );
      // What differs in anything is another one.
      await settles(
        store,
        { ...dead, message: { ...at(3, 1), created: now } },
        { ...dead, message: { ...at(4, 2), created: now } },
        { ...dead, message: { ...at(3, 2, other), created: now } },
        { ...dead, message: { ...at(3, 2), again: "r1", created: now } },
        { ...dead, consumer: "subscription:two" },
        { ...dead, message: { body: "b", created: now } },
        { ...dead, message: { body: "b", created: now } },
      );
      equal((await deadOf(store)).length, 8);
    },
  },
];
