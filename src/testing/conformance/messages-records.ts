import { deepEqual, equal } from "node:assert/strict";
import type { PositionedRecord } from "../../core/delivery/port.ts";
import type { StreamId } from "../../core/journal/port.ts";
import type { DeliveryStore, MessageStoreCase } from "./delivery-case.ts";
import { cart, numbers, other, plain, recordAt, recordsUpTo, store as append, turn } from "./fixtures.ts";
import { bury, consumer, now, owned, sendNamed } from "./messages-fixtures.ts";
import { eventually } from "./wait.ts";

/** All records, read in pages of `limit`, as a consumer reads them. */
async function readAll(store: DeliveryStore, limit: number, after = 0): Promise<readonly PositionedRecord[]> {
  const all: PositionedRecord[] = [];
  for (let position = after; ; ) {
    const page = await store.recordsAfter(position, limit);
    equal(page.length <= limit, true, `a page of ${page.length}, not of ${limit}`);
    const last = page.at(-1);
    if (!last) return all;
    for (const record of page) {
      equal(record.position > position, true, `position ${record.position} comes after ${position}`);
      position = record.position;
    }
    all.push(...page);
  }
}

const where = (records: readonly PositionedRecord[]): readonly string[] =>
  records.map(({ stream, record }) => `${stream.tenant}/${stream.entity}/${stream.id} ${record.sequence}`);

/** Appends to some streams in turn; answers in which order. */
async function appendTo(store: DeliveryStore, streams: readonly StreamId[], from: number, to: number) {
  const order: string[] = [];
  for (const sequence of numbers(from, to)) {
    for (const stream of streams) {
      await append(store, stream, [recordAt(sequence)]);
      order.push(`${stream.tenant}/${stream.entity}/${stream.id} ${sequence}`);
    }
  }
  return order;
}

const streams: readonly StreamId[] = [cart, other, { ...cart, tenant: "t2" }, { ...cart, entity: "order" }];

/** The order of all commits. */
export const recordsCases: readonly MessageStoreCase[] = [
  {
    name: "recordsAfter: gives the records of all streams in the order of their commits, with their streams",
    async run({ open }) {
      const store = await open();
      deepEqual(await store.recordsAfter(0, 10), []);
      const order = await appendTo(store, streams, 1, 5);
      const all = await readAll(store, 100);
      deepEqual(where(all), order);
      deepEqual(
        plain(all.map(({ record }) => record)),
        numbers(1, 5).flatMap((sequence) => streams.map(() => recordAt(sequence))),
      );
      deepEqual(plain(all.slice(0, 4).map(({ stream }) => stream)), streams);
    },
  },
  {
    name: "recordsAfter: pages of any size give each record once",
    async run({ open }) {
      const store = await open();
      const order = await appendTo(store, streams, 1, 6);
      for (const limit of [1, 2, 3, 7, 23, 24, 25]) deepEqual(where(await readAll(store, limit)), order, `${limit}`);
      const all = await readAll(store, 100);
      for (const [i, { position }] of all.entries()) {
        deepEqual(where(await readAll(store, 5, position)), order.slice(i + 1), `after ${position}`);
      }
      const end = all.at(-1)?.position ?? 0;
      deepEqual(await store.recordsAfter(end, 5), []);
      deepEqual(await store.recordsAfter(end + 1_000, 5), []);
    },
  },
  {
    name: "recordsAfter: whoever reads along misses nothing that is appended at the same time",
    async run({ open }) {
      const store = await open();
      const ids = numbers(1, 8).map((n) => `s${n}`);
      const seen = new Map<string, number[]>(ids.map((id) => [id, []]));
      let position = 0;
      let left = 80;
      async function readAlong(): Promise<void> {
        // Bounded: a store that loses a record is noticed, not waited for.
        for (let empty = 0; left > 0 && empty < 1_000; ) {
          const page = await store.recordsAfter(position, 3);
          empty = page.length === 0 ? empty + 1 : 0;
          for (const { stream, record } of page) seen.get(stream.id)?.push(record.sequence);
          left -= page.length;
          position = page.at(-1)?.position ?? position;
          await turn();
        }
      }
      const write = (id: string): Promise<void> => append(store, { ...cart, id }, recordsUpTo(10));
      await Promise.all([readAlong(), ...ids.map(write)]);
      deepEqual(
        [...seen],
        ids.map((id) => [id, numbers(1, 10)]),
      );
    },
  },
  {
    name: "recordsAfter: sees every record whose append was acknowledged",
    async run({ open }) {
      const store = await open();
      let position = 0;
      for (const sequence of numbers(1, 20)) {
        await append(store, cart, [recordAt(sequence)]);
        const [record, ...more] = await store.recordsAfter(position, 10);
        deepEqual([record?.record.sequence, more], [sequence, []]);
        position = record?.position ?? 0;
      }
    },
  },
  {
    name: "recordsAfter: an append that changes nothing has no place in the order",
    async run({ open }) {
      const store = await open();
      await append(store, cart, [recordAt(1), recordAt(1), recordAt(2)]);
      equal(await store.append({ stream: cart, record: { ...recordAt(2), id: "another".padStart(20, "0") } }), "taken");
      await append(store, cart, [recordAt(2), recordAt(3)]);
      deepEqual(
        (await readAll(store, 10)).map(({ record }) => record.sequence),
        [1, 2, 3],
      );
    },
  },
  {
    name: "recordsAfter: payloads that were erased are blank, in their places; the tombstone and the others stay",
    async run({ open }) {
      const store = await open();
      await appendTo(store, [cart, other], 1, 3);
      const before = await readAll(store, 2);
      await append(store, cart, [recordAt(4)]);
      await store.erase(cart, 4);
      const after = await readAll(store, 3);
      deepEqual(
        after.map(({ position, stream, record }) => [position, stream.id, record.sequence]),
        [...before, after.at(-1) as PositionedRecord].map(({ position, stream, record }) => [
          position,
          stream.id,
          record.sequence,
        ]),
      );
      for (const { stream, record } of after) {
        const isBlank = stream.id === cart.id && record.sequence < 4;
        equal(record.entries, isBlank ? "[]" : recordAt(record.sequence).entries, `${stream.id} ${record.sequence}`);
      }
    },
  },
  {
    name: "recordsAfter: instances agree on the order, whoever wrote",
    needs: ["instances"],
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      const order: string[] = [];
      for (const sequence of numbers(1, 6)) {
        const writers = sequence % 2 === 0 ? [one, two] : [two, one];
        order.push(...(await appendTo(writers[0] as DeliveryStore, [cart], sequence, sequence)));
        order.push(...(await appendTo(writers[1] as DeliveryStore, [other], sequence, sequence)));
        deepEqual(where(await readAll(one, 4)), order);
        deepEqual(where(await readAll(two, 5)), order);
      }
    },
  },
  {
    name: "watch: says at once that this instance has stored a record, or a message",
    async run({ open }) {
      const store = await owned(open);
      const heard: string[] = [];
      const also: string[] = [];
      const stop = store.watch((what) => void heard.push(what));
      store.watch((what) => void also.push(what));
      await append(store, cart, recordsUpTo(1));
      await eventually(() => heard.length > 0, "that a record has come");
      deepEqual([new Set(heard), new Set(also)], [new Set(["records"]), new Set(["records"])]);
      heard.length = 0;
      await sendNamed(store, ["a"]);
      await eventually(() => heard.includes("messages"), "that a message has come");
      const id = await bury(store, "b");
      heard.length = 0;
      await store.redrive([id], now);
      await eventually(() => heard.includes("messages"), "that a message has come back");
      stop();
      heard.length = 0;
      also.length = 0;
      await append(store, cart, [recordAt(2)]);
      await eventually(() => also.length > 0, "that a record has come");
      deepEqual(heard, []);
    },
  },
  {
    name: "watch: when it calls back, what has come can be read",
    async run({ open }) {
      const store = await open();
      const seen: Promise<number>[] = [];
      store.watch((what) => {
        if (what === "records") seen.push(store.recordsAfter(0, 10).then(({ length }) => length));
        else seen.push(store.due(consumer, { now: now + 10, limit: 10 }).then(({ messages }) => messages.length));
      });
      await append(store, cart, recordsUpTo(1));
      await eventually(() => seen.length > 0, "a call");
      equal(await seen[0], 1);
      seen.length = 0;
      await sendNamed(store, ["a"]);
      await eventually(() => seen.length > 0, "a call");
      equal(await seen[0], 1);
    },
  },
  {
    name: "watch: another instance's records and messages are noticed",
    needs: ["instances"],
    async run({ open }) {
      const [one, two] = [await open(), await open()];
      const heard: string[] = [];
      two.watch((what) => void heard.push(what));
      await append(one, cart, recordsUpTo(1));
      await eventually(() => heard.length > 0, "another instance's record");
      heard.length = 0;
      await sendNamed(one, ["a"]);
      await eventually(() => heard.includes("messages"), "another instance's message");
    },
  },
];
