import { HoldfastError, holdfast, on, silentLogger } from "holdfast";
import { createMemoryBroker, createMemoryFailures, createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { Bus, Parcel } from "../../../src/core/broker/bus.ts";
import { createRuntime } from "../../../src/core/runtime/runtime.ts";
import { joined } from "../../../src/cli/target/pages.ts";
import { relayAll } from "../../../src/cli/target/relay.ts";
import { replayInto } from "../../../src/cli/target/replay.ts";
import { sendAll } from "../../../src/cli/target/send-all.ts";

const h = holdfast();
const counter = h
  .entity("counter", {
    initial: () => ({}),
    events: { added: z.object({ n: z.number() }) },
    evolve: { added: (state) => state },
  })
  .command("add", {
    input: z.object({ n: z.number() }),
    decide: (_, { n }, { events }) => Array.from({ length: n }, (__, i) => events.added({ n: i + 1 })),
  });
const odd = h.subscription("odd", { to: [on(counter.events.added, { n: [1, 3] })], handle: () => {} });
const all = h.subscription("all", { to: [on(counter.events.added)], handle: () => {} });
const app = h.app({ entities: [counter], subscriptions: [odd, all] });

const later = new HoldfastError("overloaded", "It is busy.", { retry: "later" });
const refused = new HoldfastError("message-refused", "It is refused.");
const down = new HoldfastError("bus-unavailable", "There is no topic.");

/** A journal with records of several streams, a broker, and a bus that refuses what `plan` says. */
async function world(
  plan: (stream: string, before: number, id: string) => HoldfastError | undefined = () => undefined,
) {
  const system = createVirtualSystem();
  const journal = createMemoryJournal();
  const runtime = createRuntime(app, { journal, system });
  for (const id of ["a", "b", "c"]) {
    for (const n of [1, 3]) await runtime.call(counter, id).add({ n });
  }
  await runtime.close();
  const broker = createMemoryBroker(system.now);
  broker.subscribe(app);
  const pauses: number[] = [];
  const tried = new Map<string, number>();
  const planned = (stream: string, id: string): HoldfastError | undefined => {
    const before = tried.get(id) ?? 0;
    tried.set(id, before + 1);
    return plan(stream, before, id);
  };
  const bus: Bus = {
    async publish(events) {
      const errors = events.map(({ stream, id }) => planned(stream.id, id));
      await broker.publish(events.filter((_, i) => errors[i] === undefined));
      return errors;
    },
    async send(consumer, messages) {
      const errors = messages.map(({ stream, id }) => planned(stream?.id ?? id, id));
      await broker.send(
        consumer,
        messages.filter((_, i) => errors[i] === undefined),
      );
      return errors;
    },
  };
  const pause = async (ms: number): Promise<void> => void pauses.push(ms);
  const pages = async function* (size: number) {
    const records = await journal.recordsAfter(0, 1_000);
    for (let i = 0; i < records.length; i += size) yield records.slice(i, i + size);
  };
  const received = (consumer: string) => {
    const messages = broker.receive(consumer, { now: system.now(), limit: 1_000, hideMs: 1 });
    return messages.map(({ body }) => {
      const { subject, record, again } = JSON.parse(body) as { subject: string; record: string; again?: string };
      return again === undefined ? `${subject} ${record}` : `${subject} ${record} ${again}`;
    });
  };
  return { system, journal, bus, pause, pauses, pages, received, failures: createMemoryFailures() };
}

describe("sendAll", () => {
  const parcels: readonly Parcel[] = ["a", "a", "b", "b"].map((id, i) => ({
    id: `${id}${i}`,
    stream: { tenant: "default", entity: "counter", id },
    body: "{}",
  }));

  test("sends again what the broker may take later, and all behind it in its stream, in order", async () => {
    const sent: string[][] = [];
    const bus: Pick<Bus, "send"> = {
      async send(_, messages) {
        sent.push(messages.map(({ id }) => id));
        return messages.map(({ id }) => (id === "a0" && sent.length < 3 ? later : undefined));
      },
    };
    const pauses: number[] = [];
    const errors = await sendAll(bus, "subscription:all", parcels, async (ms) => void pauses.push(ms));
    expect(errors).toEqual([undefined, undefined, undefined, undefined]);
    expect(sent).toEqual([
      ["a0", "a1", "b2", "b3"],
      ["a0", "a1"],
      ["a0", "a1"],
    ]);
    expect(pauses).toEqual([1_000, 2_000]);
  });

  test("gives up after four attempts that got nothing further, and says of each why", async () => {
    let calls = 0;
    const bus: Pick<Bus, "send"> = {
      async send(_, messages) {
        calls++;
        return messages.map(({ stream }) => (stream?.id === "a" ? later : undefined));
      },
    };
    const pauses: number[] = [];
    const errors = await sendAll(bus, "subscription:all", parcels, async (ms) => void pauses.push(ms));
    expect(errors).toEqual([later, later, undefined, undefined]);
    expect([calls, pauses]).toEqual([5, [1_000, 2_000, 4_000, 8_000]]);
  });

  test("does not repeat what is refused for good", async () => {
    const bus: Pick<Bus, "send"> = { send: async (_, messages) => messages.map(() => refused) };
    const errors = await sendAll(bus, "queue:work", [{ id: "m", body: "{}" }], () =>
      Promise.reject(new Error("waits")),
    );
    expect(errors).toEqual([refused]);
  });
});

describe("joined", () => {
  test.each([
    [1, [1, 1, 1, 1, 1, 1]],
    [2, [2, 2, 2]],
    [4, [4, 2]],
    [100, [6]],
  ])("gives all records in their order, so many at a time: %i", async (records, sizes) => {
    const { pages } = await world();
    const all: string[] = [];
    const found: number[] = [];
    for await (const page of joined(pages(1), records)) {
      found.push(page.length);
      for (const { stream, record } of page) all.push(`${stream.id}${record.sequence}`);
    }
    expect(found).toEqual(sizes);
    expect(all).toEqual(["a1", "a2", "b1", "b2", "c1", "c2"]);
  });

  test("gives no page where there is none", async () => {
    const { pages } = await world();
    const none = async function* () {
      for await (const _ of pages(9)) yield [];
    };
    for await (const page of joined(none(), 1)) expect(page).toBe("a page");
    expect.assertions(0);
  });
});

describe("replayInto", () => {
  const request = { id: "0123456789abcdefghij", subscription: "odd", created: Number.MAX_SAFE_INTEGER };

  test.each([1, 2, 100])(
    "sends what the filter wants to the one queue, each stream's in order: pages of %i",
    async (size) => {
      const { pages, received, system, ...ports } = await world();
      const asked = { ...request, created: system.now(), again: false };
      const done = await replayInto({ app, ...ports, pages: pages(size), report: () => {} }, asked);
      expect(done).toEqual({ events: 9, skipped: 0 });
      const bodies = received("subscription:odd");
      expect(bodies.filter((body) => body.startsWith("b"))).toEqual(["b 1/1", "b 2/1", "b 2/3"]);
      expect(bodies).toHaveLength(9);
      expect(received("subscription:all")).toEqual([]);
    },
  );

  test("counts what is older than keys are remembered, and sends it with new keys only", async () => {
    const { pages, received, system, ...ports } = await world();
    const created = system.now() + 16 * 86_400_000;
    const old = await replayInto(
      { app, ...ports, pages: pages(9), report: () => {} },
      { ...request, again: false, created },
    );
    expect(old).toEqual({ events: 0, skipped: 9 });
    expect(received("subscription:odd")).toEqual([]);
    const anew = await replayInto(
      { app, ...ports, pages: pages(9), report: () => {} },
      { ...request, again: true, created },
    );
    expect(anew).toEqual({ events: 9, skipped: 0 });
    expect(received("subscription:odd")[0]).toBe(`a 1/1 ${request.id}`);
  });

  test("leaves out what was committed before `since`, or after it was asked for", async () => {
    const { pages, system, ...ports } = await world();
    const now = system.now();
    for (const change of [{ since: now + 1, created: now }, { created: now - 1 }, { entity: "other", created: now }]) {
      const asked = { ...request, again: true, ...change };
      const done = await replayInto({ app, ...ports, pages: pages(9), report: () => {} }, asked);
      expect(done).toEqual({ events: 0, skipped: 0 });
    }
  });

  test("stops where the queue refuses an event, and says how many are there", async () => {
    const { pages, system, ...ports } = await world((stream) => (stream === "b" ? refused : undefined));
    const asked = { ...request, again: false, created: system.now() };
    const run = replayInto({ app, ...ports, pages: pages(3), report: () => {} }, asked);
    await expect(run).rejects.toThrow("The replay has stopped: It is refused.\n3 events are in the queue.");
  });
});

describe("relayAll", () => {
  test.each([1, 2, 100])("publishes everything once more, each stream's in order: pages of %i", async (size) => {
    const { pages, received, ...ports } = await world();
    for (const _ of [1, 2]) {
      const done = await relayAll({ app, ...ports, pages: pages(size), report: () => {} });
      expect(done).toEqual({ records: 6, events: 12, messages: 0, unreadable: 0 });
    }
    // The broker knows the second time's ids.
    const bodies = received("subscription:all");
    expect(bodies.filter((body) => body.startsWith("b"))).toEqual(["b 1/1", "b 2/1", "b 2/2", "b 2/3"]);
    expect(bodies).toHaveLength(12);
  });

  test("insists where the broker is busy", async () => {
    const { pages, received, pauses, ...ports } = await world((_, before) => (before < 2 ? later : undefined));
    const done = await relayAll({ app, ...ports, pages: pages(100), report: () => {} });
    expect(done).toEqual({ records: 6, events: 12, messages: 0, unreadable: 0 });
    expect(received("subscription:all").filter((body) => body.startsWith("c"))).toEqual([
      "c 1/1",
      "c 2/1",
      "c 2/2",
      "c 2/3",
    ]);
    expect(pauses.length).toBeGreaterThan(0);
  });

  test.each([1, 2, 100])(
    "leaves a stream that is refused where it is, and goes on with the others: pages of %i",
    async (size) => {
      const { pages, received, ...ports } = await world((stream) => (stream === "a" ? refused : undefined));
      const run = relayAll({ app, ...ports, pages: pages(size), report: () => {} });
      await expect(run).rejects.toThrow(
        '4 records were relayed. Not relayed: It is refused.\n  counter "a" of tenant default from record 1 on\n',
      );
      expect(received("subscription:all").map((body) => body[0])).toEqual([..."bbbbcccc"]);
    },
  );

  test.each([1, 2, 100])("sends nothing behind what was refused in its stream: pages of %i", async (size) => {
    let first: string | undefined;
    const { pages, received, ...ports } = await world((stream, _, id) =>
      stream === "a" && (first ??= id) === id ? refused : undefined,
    );
    await expect(relayAll({ app, ...ports, pages: pages(size), report: () => {} })).rejects.toThrow("from record 1 on");
    expect(received("subscription:all").map((body) => body[0])).toEqual([..."bbbbcccc"]);
  });

  test("ends at once where there is no topic", async () => {
    const { pages, pauses, ...ports } = await world(() => down);
    let reports = 0;
    const run = relayAll({ app, ...ports, pages: pages(2), report: () => void reports++ });
    await expect(run).rejects.toThrow('0 records were relayed. Not relayed: There is no topic.\n  counter "a"');
    expect(reports).toBe(1);
    expect(pauses.length).toBeLessThan(2);
  });

  test("puts a record that cannot be read among the dead letters, and goes on behind it", async () => {
    const { pages, received, failures, system, ...ports } = await world();
    const damaged = async function* () {
      for await (const page of pages(100)) {
        yield page.map(({ stream, record }, i) => ({ stream, record: i === 0 ? { ...record, entries: "{" } : record }));
      }
    };
    const quiet = { ...system, log: silentLogger };
    const done = await relayAll({ app, ...ports, system: quiet, failures, pages: damaged(), report: () => {} });
    expect(done).toEqual({ records: 6, events: 11, messages: 0, unreadable: 1 });
    expect(await failures.dead({ limit: 9 })).toMatchObject([{ consumer: "relay", sequence: 1, stream: { id: "a" } }]);
    expect(received("subscription:all")).not.toContain("a 1/1");
  });
});
