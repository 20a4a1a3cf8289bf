import { HoldfastError, holdfast, on } from "holdfast";
import { createMemoryFailures, createMemoryJournal } from "holdfast/memory";
import { expect, test } from "vitest";
import * as z from "zod";
import type { Bus, Parcel, Publication } from "../../../src/core/broker/bus.ts";
import type { Committed } from "../../../src/core/broker/outbox.ts";
import { createRelay } from "../../../src/core/broker/relay.ts";
import type { StoredRecord } from "../../../src/core/journal/port.ts";
import { createVirtualSystem } from "../../../src/testing/virtual-system.ts";

const h = holdfast();
const cart = h
  .entity("cart", {
    initial: () => ({}),
    events: { added: z.object({ sku: z.string(), n: z.number() }) },
    evolve: { added: (state) => state },
  })
  .command("add", {
    input: z.object({ sku: z.string(), n: z.number() }),
    decide: (_, input, { events }) => events.added(input),
  });
const app = h.app({
  entities: [cart],
  subscriptions: [h.subscription("one", { to: [on(cart.events.added, { n: { gte: 1 } })], handle: () => {} })],
});

/** A record of that many events of one command. */
function recordOf(id: string, sequence: number, events = 1, more: object = {}): Committed {
  const entry = {
    id: `e${id}${sequence}`,
    command: "add",
    events: Array.from({ length: events }, (_, i) => ({ type: "added", data: { sku: "A", n: i } })),
    ...more,
  };
  const record: StoredRecord = {
    sequence,
    id: entry.id,
    previous: sequence === 1 ? "" : `e${id}${sequence - 1}`,
    time: 1_000 + sequence,
    version: sequence * events,
    entries: JSON.stringify([entry]),
  };
  return { stream: { tenant: "default", entity: "cart", id }, record };
}

/** A relay to a bus that notes its calls and refuses what it is told to. */
function setUp(refuses: (id: string) => boolean = () => false) {
  const calls: string[][] = [];
  const sent: [string, Parcel][] = [];
  const published: Publication[] = [];
  const system = createVirtualSystem();
  const journal = createMemoryJournal();
  const failures = createMemoryFailures();
  const resultOf = (id: string): HoldfastError | undefined =>
    refuses(id) ? new HoldfastError("refused", "No.", { retry: "later" }) : undefined;
  const bus: Bus = {
    async publish(events) {
      calls.push(events.map(({ id }) => id));
      published.push(...events);
      return events.map(({ id }) => resultOf(id));
    },
    async send(consumer, parcels) {
      sent.push(...parcels.map((parcel) => [consumer, parcel] as [string, Parcel]));
      return parcels.map(({ id }) => resultOf(id));
    },
  };
  const { relay } = createRelay({ app, bus, journal, failures, system });
  const ids = (left: readonly Committed[]): readonly string[] => left.map(({ record }) => record.id);
  const to = async (records: readonly Committed[], ms = 1_000) => ids(await relay(records, system.now() + ms));
  return { relay: to, calls, sent, published, failures, journal, system };
}

test("a stream's events are published in order, one of a stream in a call", async () => {
  const { relay, calls } = setUp();
  expect(await relay([recordOf("a", 1, 2), recordOf("b", 1), recordOf("a", 2)])).toEqual([]);
  expect(calls).toEqual([["ea1-1", "eb1-1"], ["ea1-2"], ["ea2-1"]]);
});

test("a hundred streams' events are one call", async () => {
  const { relay, calls } = setUp();
  expect(await relay(Array.from({ length: 100 }, (_, i) => recordOf(`s${i}`, 1)))).toEqual([]);
  expect(calls.map(({ length }) => length)).toEqual([100]);
});

test("a stream's records are relayed in order, in whichever they come", async () => {
  const { relay, calls } = setUp();
  expect(await relay([recordOf("a", 3), recordOf("a", 1), recordOf("a", 2), recordOf("a", 1)])).toEqual([]);
  expect(calls.flat()).toEqual(["ea1-1", "ea2-1", "ea3-1"]);
});

test("after what the bus does not take, its stream stops, and the others go on", async () => {
  const { relay, calls } = setUp((id) => id === "ea1-2");
  const left = await relay([recordOf("a", 1, 3), recordOf("a", 2), recordOf("b", 1), recordOf("b", 2)]);
  expect(left).toEqual(["ea1", "ea2"]);
  expect(calls.flat().toSorted()).toEqual(["ea1-1", "ea1-2", "eb1-1", "eb2-1"]);
});

test("what was relayed is not relayed again by the same instance, what was refused is", async () => {
  let isDown = true;
  const { relay, calls } = setUp((id) => isDown && id.startsWith("ea2"));
  const records = [recordOf("a", 1), recordOf("a", 2), recordOf("b", 1)];
  expect(await relay(records)).toEqual(["ea2"]);
  isDown = false;
  expect(await relay(records)).toEqual([]);
  expect(calls.flat()).toEqual(["ea1-1", "eb1-1", "ea2-1", "ea2-1"]);
});

test("records that the stream of changes has not brought yet are read from the journal, and not relayed twice", async () => {
  const { relay, calls, journal } = setUp();
  const all = [1, 2, 3, 4].map((sequence) => recordOf("a", sequence));
  for (const append of all) await journal.append(append);
  const [first, second, third, fourth] = all as [Committed, Committed, Committed, Committed];
  expect(await relay([first])).toEqual([]);
  expect(await relay([fourth])).toEqual([]);
  expect(await relay([second, third])).toEqual([]);
  expect(calls.flat()).toEqual(["ea1-1", "ea2-1", "ea3-1", "ea4-1"]);
});

test("where the journal cannot be read for those, the stream waits, and the others go on", async () => {
  const { relay, calls, journal } = setUp();
  expect(await relay([recordOf("a", 1)])).toEqual([]);
  journal.history = () => Promise.reject(new HoldfastError("overloaded", "Later.", { retry: "later" }));
  expect(await relay([recordOf("a", 3), recordOf("a", 4), recordOf("b", 1)])).toEqual(["ea3", "ea4"]);
  expect(calls.flat()).toEqual(["ea1-1", "eb1-1"]);
});

test("a damaged record is a dead letter, and its stream goes on", async () => {
  const { relay, calls, failures } = setUp();
  const damaged = recordOf("a", 1);
  const record = { ...damaged.record, entries: '[{"id":1}]' };
  expect(await relay([{ ...damaged, record }, recordOf("a", 2)])).toEqual([]);
  expect(calls.flat()).toEqual(["ea2-1"]);
  const [letter, ...others] = await failures.dead({ limit: 10 });
  expect(others).toEqual([]);
  expect(letter).toMatchObject({ consumer: "relay", sequence: 1, reason: { code: "journal-corrupt" } });
});

test("where that cannot be noted, the stream waits", async () => {
  const { relay, calls, failures } = setUp();
  failures.bury = () => Promise.reject(new HoldfastError("overloaded", "Later.", { retry: "later" }));
  const damaged = recordOf("a", 1);
  const record = { ...damaged.record, entries: "{" };
  expect(await relay([{ ...damaged, record }, recordOf("a", 2)])).toEqual(["ea1", "ea2"]);
  expect(calls).toEqual([]);
});

test("nothing is begun after the deadline", async () => {
  const { relay, calls } = setUp();
  expect(await relay([recordOf("a", 1)], 0)).toEqual(["ea1"]);
  expect(calls).toEqual([]);
});

test("of an erased record nothing is left to relay", async () => {
  const { relay, calls } = setUp();
  const erased = recordOf("a", 1);
  expect(await relay([{ ...erased, record: { ...erased.record, entries: "[]" } }])).toEqual([]);
  expect(calls).toEqual([]);
});

test("what is sent to entities goes as a reference, and timers as the time at which one may be due", async () => {
  const { relay, sent } = setUp();
  const more = {
    messages: [{ entity: "cart", id: "b", command: "add", input: { secret: 1 } }],
    timers: [{ name: "later", at: 5_000, command: "add" }, { name: "never" }],
  };
  expect(await relay([recordOf("a", 7, 1, more)])).toEqual([]);
  const stream = { tenant: "default", entity: "cart", id: "a" };
  expect(sent).toEqual([
    ["sends", { stream, id: "ea7-m1", body: '{"source":"/default/cart","subject":"a","record":"7/1"}' }],
    [
      "timers",
      { id: "ea7-tlater", body: '{"source":"/default/cart","subject":"a","timer":"later"}', notBefore: 5_000 },
    ],
  ]);
});

test("a publication carries the fields that filters compare; of what cannot be read, none", async () => {
  const { relay, published } = setUp();
  const newer = { events: [{ type: "added", v: 2, data: { sku: "A", n: 1 } }] };
  await relay([recordOf("a", 1), recordOf("b", 1, 0, newer)]);
  const [known, unknown] = published;
  expect(known).toMatchObject({ type: "cart.added", fields: new Map([["n", 0]]) });
  expect(unknown).toMatchObject({ type: "cart.added", fields: undefined });
  expect(JSON.parse(known?.body ?? "")).toMatchObject({ specversion: "1.0", record: "1/1", data: { sku: "A", n: 0 } });
});
