import { HoldfastError, holdfast, type Logger } from "holdfast";
import { createMemoryBroker, createMemoryFailures, createMemoryJournal, createMemoryPlaces } from "holdfast/memory";
import { expect, test } from "vitest";
import * as z from "zod";
import { queueConsumers } from "../../../src/core/broker/queues.ts";
import { batchesOf, createReceiver, type Message } from "../../../src/core/broker/receive.ts";
import { createDeadLetters } from "../../../src/core/broker/redrive.ts";
import { createRuntime } from "../../../src/core/runtime/runtime.ts";
import { createVirtualSystem } from "../../../src/testing/virtual-system.ts";

interface Services {
  readonly seen: string[];
  act(what: string): unknown;
}

const h = holdfast<Services>();
const note = h
  .entity("note", {
    initial: () => ({}),
    events: { noted: z.object({ text: z.string() }) },
    evolve: { noted: (state) => state },
  })
  .command("write", { input: z.object({ text: z.string() }), decide: (_, input, { events }) => events.noted(input) });
const app = h.app({
  entities: [note],
  workers: [
    h.worker("jobs", {
      queue: "jobs",
      input: z.object({ job: z.string() }),
      maxAttempts: 3,
      timeoutMs: 10_000,
      handle: async ({ job }, { services, attempt, message }) => {
        services.seen.push(`${job}/${attempt} ${message.id}`);
        await services.act(job);
      },
    }),
  ],
});

function setUp(act: Services["act"] = () => {}) {
  const lines: string[] = [];
  const line = (_: object, text: string): void => void lines.push(text);
  const log: Logger = { debug: () => {}, info: line, warn: line, error: line };
  const system = createVirtualSystem({ log });
  const journal = createMemoryJournal();
  const failures = createMemoryFailures();
  const broker = createMemoryBroker(system.now);
  const services = { seen: [] as string[], act };
  const runtime = createRuntime(app, { journal, system, services });
  const jobs = queueConsumers({ runtime, journal, services }).get("queue:jobs");
  if (!jobs) throw new Error("The app has a worker.");
  const receiver = createReceiver({ bus: broker, failures, places: createMemoryPlaces(), journal, system });
  const receive = (messages: readonly Message[], ms = 60_000) =>
    receiver("queue:jobs", messages, jobs, system.now() + ms);
  return { receive, seen: services.seen, failures, system, lines, broker };
}

function job(id: string, more: Partial<Message> = {}): Message {
  return { id, receives: 1, body: JSON.stringify({ job: id }), attributes: {}, sent: 1_000, ...more };
}

const failing = (): never => {
  throw new Error("no");
};
const done = { kind: "done" };

test("what is handled is done", async () => {
  const { receive, seen } = setUp();
  expect(await receive([job("a"), job("b")])).toEqual([done, done]);
  expect(seen).toEqual(["a/1 a", "b/1 b"]);
});

test("after one of a group that comes again the rest of the group does too, untried and as late; other groups go on", async () => {
  const { receive, seen } = setUp((what) => (what === "a1" ? failing() : undefined));
  const group = "a";
  const [a1, b1, a2, a3] = await receive([
    job("a1", { group }),
    job("b1", { group: "b" }),
    job("a2", { group }),
    job("a3", { group }),
  ]);
  expect(b1).toEqual(done);
  expect(a1).toMatchObject({ kind: "again" });
  expect([a2, a3]).toEqual([a1, a1]);
  expect(seen.toSorted()).toEqual(["a1/1 a1", "b1/1 b1"]);
});

test("after poison the rest of its group goes on", async () => {
  const { receive, seen, failures } = setUp((what) => {
    if (what === "a1") throw new HoldfastError("bad", "Never.");
  });
  const group = "a";
  expect(await receive([job("a1", { group }), job("a2", { group }), job("a3", { group })])).toEqual([done, done, done]);
  expect(seen).toHaveLength(3);
  expect(await failures.dead({ limit: 10 })).toMatchObject([
    { consumer: "queue:jobs", name: "a1", reason: { code: "bad" } },
  ]);
});

test("failures are counted where the handler ran, however often the broker has handed it out", async () => {
  const { receive, seen, failures } = setUp(failing);
  for (const receives of [1, 40, 41]) await receive([job("a", { receives })]);
  expect(seen).toEqual(["a/1 a", "a/2 a", "a/3 a"]);
  expect(await failures.dead({ limit: 10 })).toMatchObject([{ failures: { attempts: 3 } }]);
});

test("nothing is begun that the host has no time for, and that is no attempt", async () => {
  const { receive, seen, system } = setUp(async () => {
    await system.clock.advance(9_000);
  });
  const group = "a";
  const outcomes = await receive([job("a1", { group }), job("a2", { group }), job("a3", { group })], 21_000);
  expect(outcomes).toEqual([done, done, { kind: "again", delayMs: 0 }]);
  expect(seen).toHaveLength(2);
});

test("a host that never has the time is told so, and the message comes again later", async () => {
  const { receive, seen, lines } = setUp();
  const [outcome] = await receive([job("a")], 5_000);
  expect(outcome).toMatchObject({ kind: "again", delayMs: 2_000 });
  expect(seen).toEqual([]);
  expect(lines.join()).toContain("could not go on");
});

test.each(["failures", "saveFailures", "bury"] as const)(
  "where %s cannot be stored, the message comes again and nothing is lost",
  async (method) => {
    const { receive, failures } = setUp(failing);
    const original = failures[method];
    const down = () => Promise.reject(new HoldfastError("overloaded", "Later.", { retry: "later" }));
    Object.assign(failures, { [method]: down });
    for (const receives of [1, 2, 3, 4]) {
      const [outcome] = await receive([job("a", { receives })]);
      expect(outcome).toMatchObject({ kind: "again" });
    }
    Object.assign(failures, { [method]: original });
    for (let receives = 5; (await failures.dead({ limit: 1 })).length === 0; receives++) {
      expect(receives, "it is given up").toBeLessThan(10);
      await receive([job("a", { receives })]);
    }
  },
);

test("what cannot be read is dead at once, with its reason and its body", async () => {
  const { receive, seen, failures } = setUp();
  expect(await receive([job("a", { body: "{no json", attributes: { from: "x" } })])).toEqual([done]);
  expect(seen).toEqual([]);
  expect(await failures.dead({ limit: 10 })).toMatchObject([
    { name: "a", body: "{no json", attributes: '{"from":"x"}', reason: { code: "malformed-json" } },
  ]);
});

test("a redriven message keeps its id, and begins its attempts anew", async () => {
  const { receive, seen, failures, broker, system } = setUp((what) => (seen.length < 4 ? failing() : what));
  for (const receives of [1, 2, 3]) await receive([job("a", { receives })]);
  const letters = createDeadLetters(failures, broker);
  const [letter] = await letters.dead({ limit: 10 });
  expect(await letters.redrive([letter?.id ?? 0], system.now())).toBe(1);
  expect(await letters.dead({ limit: 10 })).toEqual([]);
  const again = broker.receive("queue:jobs", { now: system.now(), limit: 10, hideMs: 1 });
  await receive(again);
  expect(again.map(({ id }) => id)).not.toEqual(["a"]);
  expect(seen.at(-1)).toBe("a/1 a");
});

test("what dies again while it is redriven stays dead", async () => {
  const { failures, broker } = setUp();
  const letter = {
    consumer: "queue:jobs",
    name: "a",
    body: "{}",
    created: 1_000,
    failures: { attempts: 3, since: 1_000 },
    reason: { code: "bad", message: "No." },
  };
  await failures.bury(letter);
  const letters = createDeadLetters(failures, {
    async send(...args) {
      const results = await broker.send(...args);
      await failures.bury({ ...letter, created: 2_000 });
      return results;
    },
  });
  const [dead] = await letters.dead({ limit: 10 });
  expect(await letters.redrive([dead?.id ?? 0], 1_500)).toBe(1);
  expect(await letters.dead({ limit: 10 })).toMatchObject([{ name: "a", created: 2_000 }]);
});

test("where the broker does not take what is redriven, it stays dead", async () => {
  const { receive, failures, broker, system } = setUp(() => {
    throw new HoldfastError("bad", "Never.");
  });
  await receive([job("a")]);
  const refused = new HoldfastError("overloaded", "Later.", { retry: "later" });
  const letters = createDeadLetters(failures, { ...broker, send: async () => [refused] });
  const [letter] = await letters.dead({ limit: 10 });
  await expect(letters.redrive([letter?.id ?? 0], system.now())).rejects.toBe(refused);
  expect(await letters.dead({ limit: 10 })).toHaveLength(1);
});

test("batches leave no message waiting for one slow other, and are within the concurrency", () => {
  expect(batchesOf(1)).toEqual({ size: 1, parallel: 1 });
  expect(batchesOf(2)).toEqual({ size: 1, parallel: 2 });
  expect(batchesOf(16)).toEqual({ size: 8, parallel: 2 });
  for (let concurrency = 1; concurrency <= 1_000; concurrency++) {
    const { size, parallel } = batchesOf(concurrency);
    expect(size).toBeLessThanOrEqual(10);
    expect(size * parallel).toBeLessThanOrEqual(concurrency);
    expect(size * parallel).toBeGreaterThan(concurrency - parallel);
  }
});
