import { deepEqual, equal } from "node:assert/strict";
import type { Change } from "../../core/delivery/port.ts";
import type { DeliveryStore, MessageStoreCase } from "./delivery-case.ts";
import { cart, other, plain } from "./fixtures.ts";
import {
  at,
  claimOf,
  consumer,
  deadOf,
  dueAt,
  dueBy,
  failures,
  names,
  now,
  onlyDue,
  own,
  owned,
  reason,
  sendNamed,
  settles,
  arm,
} from "./messages-fixtures.ts";

/** The owner goes, the next one sees these lanes. */
async function parkedOf(store: DeliveryStore): Promise<readonly unknown[]> {
  equal(await store.settle(consumer, "o1", { position: 0, until: 0, changes: [] }), true);
  const { parked } = await own(store, "o2");
  equal(await store.settle(consumer, "o2", { position: 0, until: 0, changes: [] }), true);
  await own(store, "o1");
  return plain(parked).toSorted((a, b) => a.due - b.due);
}

/** Progress. */
export const settleCases: readonly MessageStoreCase[] = [
  {
    name: "settle: stores the position and the end of the lease",
    async run({ open }) {
      const store = await owned(open);
      for (const position of [3, 7, 1_000_000]) {
        equal(await store.settle(consumer, "o1", { position, until: now + position, changes: [] }), true);
        const held = await store.take(consumer, claimOf("o2", { now: now - 1_000_000, longest: now + 2_000_000 }));
        deepEqual(plain(held), { kind: "held", until: now + position, position });
      }
    },
  },
  {
    name: "settle: of somebody who is not the owner is refused as a whole",
    async run({ open }) {
      const store = await owned(open);
      await sendNamed(store, ["a", "b", "c"]);
      const ids = (await dueBy(store)).map(({ id }) => id);
      equal(await store.settle(consumer, "o1", { position: 3, until: now + 10_000, changes: [] }), true);
      const before = await dueBy(store);
      const taken = await own(store, "o2", { now: now + 10_000 });
      equal(taken.position, 3);
      const changes: readonly Change[] = [
        { kind: "delete", id: ids[0] ?? 0 },
        { kind: "postpone", id: ids[1] ?? 0, due: now + 50_000, failures, body: "x" },
        { kind: "bury", id: ids[2] ?? 0, failures, reason },
        { kind: "park", at: at(1), failures, due: now },
        { kind: "dead", message: { ...at(2), created: now }, failures, reason },
        arm(now, 1),
        { kind: "plan", name: "tick", due: now, body: "{}", now },
      ];
      for (const owner of ["o1", "o3", ""]) {
        equal(await store.settle(consumer, owner, { position: 9, until: now + 99_000, changes }), false);
      }
      equal(await store.settle("subscription:nobody", "o1", { position: 9, until: now, changes }), false);
      deepEqual(await dueBy(store), before);
      deepEqual(await dueBy(store, undefined, "subscription:nobody"), []);
      deepEqual(await deadOf(store), []);
      equal((await store.due(consumer, { now, limit: 1 })).parkedAt, undefined);
      const held = await store.take(consumer, claimOf("o1", { now: now + 10_000 }));
      deepEqual(plain(held), { kind: "held", until: now + 20_000, position: 3 });
    },
  },
  {
    name: "settle: the owner settles as long as nobody else has taken it, however late",
    async run({ open }) {
      const store = await owned(open);
      equal(await store.settle(consumer, "o1", { position: 4, until: now + 5_000_000, changes: [] }), true);
      equal((await own(store, "o1", { now: now + 9_000_000 })).position, 4);
    },
  },
  {
    name: "settle: applies its changes in their order",
    async run({ open }) {
      const store = await owned(open);
      await settles(
        store,
        { kind: "park", at: at(1), failures, due: now },
        { kind: "unpark", stream: cart },
        { kind: "park", at: at(4, 2), failures: undefined, due: now + 1 },
        arm(now + 10, 1),
        { kind: "disarm", stream: other },
        { kind: "plan", name: "tick", due: now + 20, body: "1", now },
        { kind: "plan", name: "tick", due: now + 15, body: "2", now },
      );
      deepEqual(await parkedOf(store), [{ at: at(4, 2), through: 0, due: now + 1 }]);
      deepEqual(names(await dueBy(store)), ["later", "tick"]);
      equal((await dueBy(store))[1]?.body, "2");
    },
  },
  {
    name: "settle: many changes are stored together with the position",
    async run({ open }) {
      const store = await owned(open);
      const changes = Array.from({ length: 500 }, (_, n) => arm(now + n, n + 1, `t${n}`));
      equal(await store.settle(consumer, "o1", { position: 500, until: 0, changes }), true);
      equal((await dueBy(store)).length, 500);
      equal((await own(store, "o2")).position, 500);
    },
  },
  {
    name: "park: a later one replaces the row of its stream",
    async run({ open }) {
      const store = await owned(open);
      await settles(store, { kind: "park", at: at(1), failures: undefined, due: now + 5 });
      await settles(store, { kind: "park", at: at(1, 1, other), failures, due: now + 9 });
      await settles(store, { kind: "park", at: at(2, 4), failures, due: now + 7 });
      const lanes = [
        { at: at(2, 4), through: 0, failures, due: now + 7 },
        { at: at(1, 1, other), through: 0, failures, due: now + 9 },
      ];
      deepEqual(await parkedOf(store), lanes);
      await settles(store, { kind: "park", at: at(2, 5), failures: undefined, due: now + 1 });
      deepEqual(await parkedOf(store), [{ at: at(2, 5), through: 0, due: now + 1 }, lanes[1]]);
    },
  },
  {
    name: "unpark: removes the row of its stream, of its consumer",
    async run({ open }) {
      const store = await owned(open);
      await store.take("subscription:two", claimOf("o1"));
      const park: Change = { kind: "park", at: at(1), failures, due: now };
      await settles(store, park, { ...park, at: at(1, 1, other) });
      equal(await store.settle("subscription:two", "o1", { position: 0, until: 0, changes: [park] }), true);
      await settles(store, { kind: "unpark", stream: cart }, { kind: "unpark", stream: { ...cart, id: "none" } });
      deepEqual(await parkedOf(store), [{ at: at(1, 1, other), through: 0, failures, due: now }]);
      const taken = await store.take("subscription:two", claimOf("o2"));
      deepEqual(taken.kind === "taken" && taken.parked.length, 1);
    },
  },
  {
    name: "park: one stream has a row at each consumer, beside the messages and dead letters that it has there",
    async run({ open }) {
      const store = await owned(open);
      await settles(
        store,
        { kind: "park", at: at(3), failures, due: now + 5 },
        { kind: "dead", message: { ...at(1), created: now }, failures, reason },
        { kind: "dead", message: { ...at(2), created: now }, failures, reason },
      );
      await store.redrive([(await deadOf(store))[0]?.id ?? 0], now);
      await settles(store, { kind: "unpark", stream: cart });
      equal((await onlyDue(store)).sequence, 1);
      equal((await deadOf(store))[0]?.sequence, 2);
    },
  },
  {
    name: "delete: removes a message; with a sequence only if nothing has armed it since",
    async run({ open }) {
      const store = await owned(open);
      await settles(store, arm(now + 5, 3));
      const { id } = await onlyDue(store);
      await settles(store, arm(now + 9, 4), { kind: "delete", id, sequence: 3 });
      equal((await onlyDue(store)).sequence, 4);
      await settles(store, { kind: "delete", id, sequence: 4 });
      deepEqual(await dueBy(store), []);
      await sendNamed(store, ["a", "b"]);
      const [a] = await dueBy(store);
      await settles(store, { kind: "delete", id: a?.id ?? 0, sequence: undefined }, { kind: "delete", id: 987_654 });
      deepEqual(names(await dueBy(store)), ["b"]);
    },
  },
  {
    name: "postpone: changes time, failures and body; with a sequence only if nothing has armed it since",
    async run({ open }) {
      const store = await owned(open);
      await sendNamed(store, ["a"]);
      const a = await onlyDue(store);
      await settles(store, { kind: "postpone", id: a.id, due: now + 500, failures });
      deepEqual(await dueBy(store, now + 499), []);
      deepEqual(await onlyDue(store, now + 500), { ...a, failures });
      await settles(store, { kind: "postpone", id: a.id, due: now + 400, failures: undefined, body: "new" });
      deepEqual(await onlyDue(store, now + 400), { ...a, body: "new" });
      await settles(store, { kind: "delete", id: a.id }, arm(now + 5, 3));
      const { id } = await onlyDue(store);
      await settles(store, arm(now + 9, 4), { kind: "postpone", id, due: now + 700, failures, sequence: 3 });
      equal(await dueAt(store, (message) => message.id === id), now + 5);
      equal((await onlyDue(store)).failures, undefined);
      await settles(store, { kind: "postpone", id, due: now + 700, failures, sequence: 4 });
      equal(await dueAt(store, (message) => message.id === id), now + 700);
      deepEqual((await onlyDue(store)).failures, failures);
    },
  },
  {
    name: "arm: makes the one message of its name and stream",
    async run({ open }) {
      const store = await owned(open);
      await settles(store, arm(now + 5, 3), arm(now + 6, 3, "more"), arm(now + 7, 2, "later", other));
      const messages = await dueBy(store);
      deepEqual(
        messages.map(({ id: _id, ...message }) => message),
        [
          { created: now, stream: cart, sequence: 3, name: "later" },
          { created: now, stream: cart, sequence: 3, name: "more" },
          { created: now, stream: other, sequence: 2, name: "later" },
        ],
      );
    },
  },
  {
    name: "arm: a message that is armed again is due at the earlier of the two times, its sequence moves on, and it has never failed",
    async run({ open }) {
      const store = await owned(open);
      await settles(store, arm(now + 500, 3));
      const { id } = await onlyDue(store);
      const isIt = (message: { readonly id: number }): boolean => message.id === id;
      await settles(store, arm(now + 900, 4));
      deepEqual([await dueAt(store, isIt), (await onlyDue(store)).sequence], [now + 500, 4]);
      await settles(store, arm(now + 300, 5));
      deepEqual([await dueAt(store, isIt), (await onlyDue(store)).sequence], [now + 300, 5]);
      await settles(store, { kind: "postpone", id, due: now + 400, failures, sequence: 5 }, arm(now + 800, 6));
      deepEqual(await onlyDue(store, now + 400), {
        id,
        created: now,
        stream: cart,
        sequence: 6,
        name: "later",
      });
    },
  },
  {
    name: "arm: a message that was handled, and is armed at the same time, stays",
    async run({ open }) {
      const store = await owned(open);
      await settles(store, arm(now, 3));
      const { id } = await onlyDue(store);
      await settles(store, arm(now + 100, 7));
      await settles(store, { kind: "delete", id, sequence: 3 });
      equal((await onlyDue(store)).sequence, 7);
    },
  },
  {
    name: "plan: makes the one message of its name, or brings it forward",
    async run({ open }) {
      const store = await owned(open);
      const plan = (due: number, body: string): Change => ({ kind: "plan", name: "tick", due, body, now });
      await settles(store, plan(now + 500, "1"));
      const first = await onlyDue(store);
      deepEqual({ ...first, id: 0 }, { id: 0, created: now, name: "tick", body: "1" });
      await settles(store, plan(now + 900, "2"));
      deepEqual(await onlyDue(store, now + 500), first);
      await settles(store, plan(now + 100, "3"));
      deepEqual(await onlyDue(store, now + 100), { ...first, body: "3" });
    },
  },
  {
    name: "plan: leaves a message alone that is failing",
    async run({ open }) {
      const store = await owned(open);
      await settles(store, { kind: "plan", name: "tick", due: now + 500, body: "1", now });
      const { id } = await onlyDue(store);
      await settles(store, { kind: "postpone", id, due: now + 800, failures });
      await settles(store, { kind: "plan", name: "tick", due: now + 100, body: "2", now });
      deepEqual(await dueBy(store, now + 799), []);
      equal((await onlyDue(store, now + 800)).body, "1");
    },
  },
  {
    name: "disarm: removes what waits of a stream, and no dead letter",
    async run({ open }) {
      const store = await owned(open);
      await settles(store, arm(now, 3), arm(now, 3, "more"), arm(now, 1, "later", other), {
        kind: "dead",
        message: { ...at(1), created: now },
        failures,
        reason,
      });
      await store.take("subscription:two", claimOf("o1"));
      const two = { position: 0, until: 0, changes: [arm(now, 3)] };
      equal(await store.settle("subscription:two", "o1", two), true);
      await settles(store, { kind: "disarm", stream: cart });
      deepEqual((await onlyDue(store)).stream, other);
      equal((await deadOf(store)).length, 1);
      equal((await dueBy(store, undefined, "subscription:two")).length, 1);
    },
  },
];
