import { HoldfastError, holdfast, on } from "holdfast";
import { createMemoryFailures, createMemoryJournal } from "holdfast/memory";
import { expect, test } from "vitest";
import * as z from "zod";
import type { Bus, Parcel } from "../../../src/core/broker/bus.ts";
import { createMarks, type MarkStore } from "../../../src/core/broker/marks.ts";
import { createPublisher } from "../../../src/core/broker/publisher.ts";
import type { Message } from "../../../src/core/broker/receive.ts";
import { createRelay } from "../../../src/core/broker/relay.ts";
import { createOutboxJournal, wakeUpsQueue } from "../../../src/core/broker/wake-ups.ts";
import type { Append, Journal, StoredRecord, StreamId } from "../../../src/core/journal/port.ts";
import { createMemoryMarks } from "../../../src/memory/marks.ts";
import { createVirtualSystem, type VirtualSystem } from "../../../src/testing/virtual-system.ts";

const h = holdfast();
const cart = h
  .entity("cart", {
    initial: () => ({}),
    events: { added: z.object({}) },
    evolve: { added: (state) => state },
  })
  .command("add", { decide: (_, _input, { events }) => events.added({}) });
const app = h.app({
  entities: [cart],
  subscriptions: [h.subscription("all", { to: [on(cart.events.added)], handle: () => {} })],
});
const stream: StreamId = { tenant: "default", entity: "cart", id: "a" };

function recordOf(sequence: number, events = 1): StoredRecord {
  const id = `e${sequence}`;
  const list = Array.from({ length: events }, () => ({ type: "added", data: {} }));
  const entry = { id, command: "add", ...(events > 0 && { events: list }) };
  const previous = sequence === 1 ? "" : `e${sequence - 1}`;
  return { sequence, id, previous, time: sequence, version: sequence * events, entries: JSON.stringify([entry]) };
}

/** A store, and a broker that notes what it gets; refuses what it is told to. */
function setUp() {
  const store: Journal & MarkStore = { ...createMemoryMarks(createMemoryJournal()) };
  const log: string[] = [];
  const wakeUps: Parcel[] = [];
  const refused = new Set<"publish" | "send" | "append">();
  const resultOf = (what: "publish" | "send"): HoldfastError | undefined =>
    refused.has(what) ? new HoldfastError("overloaded", "No.", { retry: "later" }) : undefined;
  const bus: Bus = {
    async publish(events) {
      log.push(...events.map(({ id }) => `${refused.has("publish") ? "refuse" : "publish"} ${id}`));
      return events.map(() => resultOf("publish"));
    },
    async send(_consumer, parcels) {
      log.push(...parcels.map(() => `${refused.has("send") ? "refuse" : "schedule"} a wake-up`));
      if (!refused.has("send")) wakeUps.push(...parcels);
      return parcels.map(() => resultOf("send"));
    },
  };

  /** An instance; `publishes: false`: it stalls after each append. */
  function start(system: VirtualSystem, publishes = true) {
    const marks = createMarks();
    const relay = createRelay({ app, bus, journal: store, failures: createMemoryFailures(), system, marks });
    const publisher = createPublisher({ relay, marks, system });
    const noted = {
      ...store,
      append: async (append: Append) => {
        log.push(`append ${append.record.sequence}, published ${append.published ?? "?"}`);
        if (refused.has("append")) throw new HoldfastError("overloaded", "No.", { retry: "later" });
        return store.append(append);
      },
      unpublished: (...args: Parameters<typeof store.unpublished>) => {
        log.push("query");
        return store.unpublished(...args);
      },
      setPublished: (...args: Parameters<typeof store.setPublished>) => {
        log.push(`mark ${args[1]}`);
        return store.setPublished(...args);
      },
    };
    const publish = publishes ? publisher.publish : () => {};
    const journal = createOutboxJournal({ journal: noted, bus, marks, system, publish });
    const queue = wakeUpsQueue({ journal: noted, relay, marks, system });
    return {
      journal,
      async append(record: StoredRecord) {
        const result = await journal.append({ stream, record });
        await publisher.idle();
        return result;
      },
      /** Handles a wake-up; answers when it is due again. */
      async wake({ body }: Parcel): Promise<number | undefined> {
        const message: Message = { id: "m", receives: 1, body, attributes: {}, sent: 0 };
        const task = queue.read(message);
        if (!task) throw new Error("It is for nobody.");
        const done = await task.spec.run({
          ...task.work,
          attempt: 1,
          stop: new AbortController().signal,
          about: {},
        });
        return done?.again?.due;
      },
    };
  }
  const taken = (): string[] => log.splice(0);
  return { store, start, wakeUps, refused, taken };
}

const minute = 60_000;

test("a wake-up is scheduled before the append, in 90 s, and the event is published after it", async () => {
  const { start, wakeUps, taken } = setUp();
  const system = createVirtualSystem();
  const { journal, append } = start(system);
  await journal.load(stream);
  expect(await append(recordOf(1))).toBe("stored");
  expect(taken()).toEqual(["schedule a wake-up", "append 1, published 0", "publish e1-1"]);
  expect(wakeUps.map(({ notBefore }) => notBefore)).toEqual([system.now() + 90_000]);
});

test("within 30 s a stream has one wake-up, then another one, also where the clock was set back", async () => {
  const { start, taken } = setUp();
  let back = 0;
  const system = createVirtualSystem();
  const clock: VirtualSystem = { ...system, now: () => system.now() - back };
  const { journal, append } = start(clock);
  await journal.load(stream);
  await append(recordOf(1));
  await system.clock.advance(29_999);
  await append(recordOf(2));
  await system.clock.advance(1);
  await append(recordOf(3));
  back = 2 * minute;
  await append(recordOf(4));
  expect(taken().filter((what) => !what.startsWith("publish"))).toEqual([
    "schedule a wake-up",
    "append 1, published 0",
    "append 2, published 1",
    "schedule a wake-up",
    "append 3, published 2",
    "schedule a wake-up",
    "append 4, published 3",
  ]);
});

test("an append whose wake-up cannot be scheduled is refused, and the next one tries again", async () => {
  const { start, store, refused, taken } = setUp();
  const { journal, append } = start(createVirtualSystem());
  await journal.load(stream);
  refused.add("send");
  await expect(append(recordOf(1))).rejects.toMatchObject({ code: "overloaded", retry: "later" });
  expect(await store.load(stream)).toMatchObject({ records: [] });
  expect(taken()).toEqual(["refuse a wake-up"]);
  refused.clear();
  await append(recordOf(1));
  expect(taken()).toEqual(["schedule a wake-up", "append 1, published 0", "publish e1-1"]);
});

test("a record that holds nothing for others costs neither a wake-up nor a message", async () => {
  const { start, taken } = setUp();
  const { journal, append } = start(createVirtualSystem());
  await journal.load(stream);
  await append(recordOf(1, 0));
  await append(recordOf(2));
  expect(taken()).toEqual(["append 1, published 0", "schedule a wake-up", "append 2, published 1", "publish e2-1"]);
});

test("one commits and stalls; whoever commits next publishes both, in order", async () => {
  const { start, taken } = setUp();
  const system = createVirtualSystem();
  const [stalls, goesOn] = [start(system, false), start(system)];
  await stalls.journal.load(stream);
  await stalls.append(recordOf(1));
  await goesOn.journal.load(stream);
  await goesOn.append(recordOf(2));
  expect(taken().filter((what) => what.startsWith("publish"))).toEqual(["publish e1-1", "publish e2-1"]);
});

test("of a stream that it has not loaded nobody publishes anything; its wake-up does", async () => {
  const { start, wakeUps, taken } = setUp();
  const system = createVirtualSystem();
  const { append, wake } = start(system);
  await append(recordOf(1));
  expect(taken()).toEqual(["schedule a wake-up", "append 1, published ?"]);
  await system.clock.advance(90_000);
  expect(await wake(wakeUps[0] as Parcel)).toBeUndefined();
  expect(taken()).toEqual(["query", "publish e1-1", "mark 1"]);
});

test("after a crash the wake-up publishes what was not published, and notes it; the next one costs one query", async () => {
  const { start, wakeUps, taken } = setUp();
  const system = createVirtualSystem();
  const dies = start(system, false);
  await dies.journal.load(stream);
  await dies.append(recordOf(1));
  await dies.append(recordOf(2));
  await system.clock.advance(90_000);
  taken();
  const heir = start(system);
  expect(await heir.wake(wakeUps[0] as Parcel)).toBeUndefined();
  expect(taken()).toEqual(["query", "publish e1-1", "publish e2-1", "mark 2"]);
  expect(await heir.wake(wakeUps[0] as Parcel)).toBeUndefined();
  expect(taken()).toEqual(["query"]);
});

test("an entity that is used again after months sends nothing of before again", async () => {
  const { start, wakeUps, taken } = setUp();
  const system = createVirtualSystem();
  const before = start(system);
  await before.journal.load(stream);
  await before.append(recordOf(1));
  await system.clock.advance(90_000);
  await start(system).wake(wakeUps[0] as Parcel);
  taken();
  await system.clock.advance(90 * 86_400_000);
  const after = start(system);
  await after.journal.load(stream);
  await after.append(recordOf(2));
  expect(taken()).toEqual(["schedule a wake-up", "append 2, published 1", "publish e2-1"]);
});

test("a wake-up that finds nothing since it was asked for comes once more, not a third time", async () => {
  const { start, wakeUps, refused, taken } = setUp();
  const system = createVirtualSystem();
  const { journal, append, wake } = start(system);
  await journal.load(stream);
  refused.add("append");
  await expect(append(recordOf(1))).rejects.toMatchObject({ code: "overloaded" });
  taken();
  const [asked] = wakeUps as [Parcel];
  await system.clock.advance(90_000);
  expect(await wake(asked)).toBe(system.now() + 90_000);
  await system.clock.advance(90_000);
  expect(await wake(asked)).toBeUndefined();
  expect(taken()).toEqual(["query", "query"]);
});

test("a wake-up that finds only what was there before it was asked for comes once more, too", async () => {
  const { start, wakeUps, refused, taken } = setUp();
  const system = createVirtualSystem();
  const { journal, append, wake } = start(system, false);
  await journal.load(stream);
  await append(recordOf(1));
  await system.clock.advance(30_000);
  refused.add("append");
  await expect(append(recordOf(2))).rejects.toMatchObject({ code: "overloaded" });
  taken();
  await system.clock.advance(90_000);
  expect(await wake(wakeUps[1] as Parcel)).toBe(system.now() + 90_000);
  expect(taken()).toEqual(["query", "publish e1-1", "mark 1"]);
});

test("a record that is stored a minute after its wake-up was scheduled has another one, before anybody is told", async () => {
  const { start, store, taken, wakeUps } = setUp();
  const system = createVirtualSystem();
  const { journal, append } = start(system);
  await journal.load(stream);
  // The process stands still on its way to the store.
  const { append: appends } = store;
  store.append = async (one) => {
    await system.clock.advance(60_000);
    return appends(one);
  };
  expect(await append(recordOf(1))).toBe("stored");
  expect(taken()).toEqual(["schedule a wake-up", "append 1, published 0", "schedule a wake-up", "publish e1-1"]);
  expect(wakeUps.map(({ notBefore }) => (notBefore ?? 0) - system.now())).toEqual([30_000, 90_000]);
});

test("a wake-up begins where the store says, not where its process was last", async () => {
  const { start, store, wakeUps, taken } = setUp();
  const system = createVirtualSystem();
  const { journal, append, wake } = start(system);
  await journal.load(stream);
  await append(recordOf(1));
  for (let i = 2; i <= 4; i++) await store.append({ stream, record: recordOf(i) });
  await store.setPublished(stream, 3);
  await system.clock.advance(90_000);
  taken();
  await wake(wakeUps[0] as Parcel);
  expect(taken()).toEqual(["query", "publish e4-1", "mark 4"]);
});

test("a wake-up that comes too early waits until it is due", async () => {
  const { start, wakeUps, taken } = setUp();
  const system = createVirtualSystem();
  const { journal, append, wake } = start(system);
  await journal.load(stream);
  await append(recordOf(1));
  taken();
  expect(await wake(wakeUps[0] as Parcel)).toBe(system.now() + 90_000);
  expect(taken()).toEqual([]);
});

test("what the broker refuses stays unpublished, is not noted, and comes first next time", async () => {
  const { start, wakeUps, refused, taken } = setUp();
  const system = createVirtualSystem();
  const { journal, append, wake } = start(system);
  await journal.load(stream);
  refused.add("publish");
  await append(recordOf(1));
  await system.clock.advance(90_000);
  taken();
  await expect(wake(wakeUps[0] as Parcel)).rejects.toMatchObject({ code: "overloaded", retry: "later" });
  expect(taken()).toEqual(["query", "refuse e1-1"]);
  refused.clear();
  await append(recordOf(2));
  expect(taken()).toEqual(["schedule a wake-up", "append 2, published 0", "publish e1-1", "publish e2-1"]);
});

test("a wake-up publishes any number of records, a hundred to a query", async () => {
  const { start, store, wakeUps, taken } = setUp();
  const system = createVirtualSystem();
  const dies = start(system, false);
  await dies.journal.load(stream);
  await dies.append(recordOf(1));
  for (let i = 2; i <= 250; i++) await store.append({ stream, record: recordOf(i) });
  await system.clock.advance(90_000);
  taken();
  await start(system).wake(wakeUps[0] as Parcel);
  const done = taken();
  expect(done.filter((what) => !what.startsWith("publish"))).toEqual([
    "query",
    "mark 100",
    "query",
    "mark 200",
    "query",
    "mark 250",
  ]);
  expect(done.filter((what) => what.startsWith("publish"))).toEqual(
    Array.from({ length: 250 }, (_, i) => `publish e${i + 1}-1`),
  );
});

test("who is more than a thousand records behind leaves them to the wake-up instead of passing them over", async () => {
  const { start, store, taken } = setUp();
  const { journal, append } = start(createVirtualSystem());
  await journal.load(stream);
  for (let i = 1; i <= 1_001; i++) await store.append({ stream, record: recordOf(i) });
  await append(recordOf(1_002));
  expect(taken()).toEqual(["schedule a wake-up", "append 1002, published 0"]);
});
