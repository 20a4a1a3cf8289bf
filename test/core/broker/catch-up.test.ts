import { holdfast, HoldfastError, on } from "holdfast";
import { createMemoryBroker, createMemoryFailures, createMemoryJournal, createMemoryPlaces } from "holdfast/memory";
import { createRandom } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";
import { backfillParcels } from "../../../src/core/broker/catch-up.ts";
import { queueConsumers } from "../../../src/core/broker/queues.ts";
import { createReceiver, type Message } from "../../../src/core/broker/receive.ts";
import { referenceBody } from "../../../src/core/broker/wire.ts";
import { envelopesOf } from "../../../src/core/messaging/envelope.ts";
import { subscriptionConsumer } from "../../../src/core/delivery/subscriptions.ts";
import { createRuntime } from "../../../src/core/runtime/runtime.ts";
import { createVirtualSystem } from "../../../src/testing/virtual-system.ts";

interface Services {
  handle(text: string): void;
}

const h = holdfast<Services>();
const note = h
  .entity("note", {
    initial: () => ({}),
    events: { noted: z.object({ text: z.string() }), skipped: z.object({}) },
    evolve: { noted: (state) => state, skipped: (state) => state },
  })
  // Each command stores one event that nobody wants, and as many of the others as it is told.
  .command("write", {
    input: z.object({ texts: z.array(z.string()) }),
    decide: (_, { texts }, { events }) => [events.skipped({}), ...texts.map((text) => events.noted({ text }))],
  });

const listens = (from: "now" | "beginning") =>
  h.app({
    entities: [note],
    subscriptions: [
      h.subscription("listens", {
        to: [on(note.events.noted)],
        from,
        maxAttempts: 3,
        timeoutMs: 5_000,
        handle: ({ data }, { services }) => services.handle(data.text),
      }),
    ],
  });
const consumer = "subscription:listens";

async function setUp(handle: Services["handle"], from: "now" | "beginning" = "beginning") {
  const app = listens(from);
  const system = createVirtualSystem();
  const journal = createMemoryJournal();
  const failures = createMemoryFailures();
  const places = createMemoryPlaces();
  const services = { handle };
  const runtime = createRuntime(app, { journal, system, services });
  const ports = { runtime, journal, services };
  const queue = queueConsumers(ports).get(consumer);
  const definition = app.subscriptions.get("listens");
  if (!queue || !definition) throw new Error("The app has a subscription.");
  const spec = subscriptionConsumer(ports, definition);
  const bus = createMemoryBroker(system.now);
  const newReceiver = () => {
    const receive = createReceiver({ bus, failures, places, journal, system });
    return (messages: readonly Message[], ms = 60_000) => receive(consumer, messages, queue, system.now() + ms);
  };
  return {
    app,
    system,
    journal,
    places,
    failures,
    spec,
    newReceiver,
    receive: newReceiver(),
    async write(id: string, ...texts: readonly string[]) {
      await runtime.call(note, id).write({ texts: [...texts] });
    },
    /** The n-th event of a record of that entity, as it is published. */
    async published(id: string, sequence: number, n: number, more: Partial<Message> = {}): Promise<Message> {
      const stream = { tenant: "default", entity: "note", id };
      const record = await journal.record(stream, sequence);
      if (!record) throw new Error("There is no such record.");
      const body = JSON.stringify(envelopesOf(stream, record)[n - 1]);
      return {
        id: `${id}-${sequence}-${n}`,
        group: id,
        receives: 1,
        body,
        attributes: {},
        sent: system.now(),
        ...more,
      };
    },
    /** What the backfill sends. */
    async backfill(): Promise<readonly Message[]> {
      return backfillParcels(spec, await journal.recordsAfter(0, 1_000)).map(({ id, stream, body }) => {
        return { id, group: stream?.id, receives: 1, body, attributes: {}, sent: system.now() };
      });
    },
  };
}

const done = { kind: "done" };

test("a live event waits for what is older of its entity, which is handled first, each once and in order", async () => {
  const seen: string[] = [];
  const { write, receive, published } = await setUp((text) => void seen.push(text));
  await write("a", "1", "2");
  await write("b", "other");
  await write("a");
  await write("a", "3", "4", "5");
  expect(await receive([await published("a", 3, 3)])).toEqual([done]);
  expect(seen).toEqual(["1", "2", "3", "4"]);
  expect(await receive([await published("a", 3, 4)])).toEqual([done]);
  expect(seen).toEqual(["1", "2", "3", "4", "5"]);
});

test("the backfill brings what no live event has brought, and nothing else once more", async () => {
  const seen: string[] = [];
  const { write, receive, published, backfill } = await setUp((text) => void seen.push(text));
  await write("a", "a1", "a2");
  await write("b", "b1");
  await write("nothing");
  await write("a", "a3");
  expect(await receive([await published("a", 1, 3)])).toEqual([done]);
  const messages = await backfill();
  expect(messages.map(({ group }) => group)).toEqual(["a", "b"]);
  expect(await receive(messages)).toEqual([done, done]);
  expect(await receive(messages)).toEqual([done, done]);
  expect(seen.toSorted()).toEqual(["a1", "a2", "a3", "b1"]);
});

test("of what was committed when the backfill was over, nothing is looked up", async () => {
  const seen: string[] = [];
  const { write, receive, published, places, system } = await setUp((text) => void seen.push(text));
  await write("a", "1");
  await places.setBackfilled(consumer, system.now());
  await system.clock.advance(1);
  await write("a", "2");
  let looked = 0;
  const place = places.place;
  places.place = (...args) => {
    looked++;
    return place(...args);
  };
  expect(await receive([await published("a", 2, 2)])).toEqual([done]);
  expect([seen, looked]).toEqual([["2"], 0]);
  expect(await receive([await published("a", 1, 2)])).toEqual([done]);
  expect([seen, looked]).toEqual([["2", "1"], 1]);
});

test("what was handled is handled once more where somebody asks for it, not where its event comes late", async () => {
  const seen: string[] = [];
  const { write, receive, published } = await setUp((text) => void seen.push(text));
  await write("a", "1", "2");
  const late = await published("a", 1, 2);
  const body = referenceBody({ stream: { tenant: "default", entity: "note", id: "a" }, sequence: 1, n: 2 });
  expect(await receive([await published("a", 1, 3), late])).toEqual([done, done]);
  expect(seen).toEqual(["1", "2"]);
  expect(await receive([{ ...late, id: "replay", body }])).toEqual([done]);
  expect(seen).toEqual(["1", "2", "1"]);
});

test("a subscription that begins now is given what its queue holds", async () => {
  const seen: string[] = [];
  const { write, receive, published } = await setUp((text) => void seen.push(text), "now");
  await write("a", "1");
  await write("a", "2");
  await receive([await published("a", 2, 2)]);
  expect(seen).toEqual(["2"]);
});

test("what failed among the older ones is tried again, then given up by itself, and the others go on", async () => {
  const seen: string[] = [];
  const { write, receive, published, failures, system } = await setUp((text) => {
    seen.push(text);
    if (text === "2") throw new Error("no");
  });
  await write("a", "1", "2", "3");
  await write("a", "4");
  const message = await published("a", 2, 2);
  for (let receives = 1; receives <= 2; receives++) {
    const [outcome] = await receive([{ ...message, receives }]);
    expect(outcome).toMatchObject({ kind: "again" });
    await system.clock.advance(60_000);
  }
  expect(await receive([{ ...message, receives: 3 }])).toEqual([done]);
  expect(seen).toEqual(["1", "2", "2", "2", "3", "4"]);
  expect(await failures.dead({ limit: 10 })).toMatchObject([
    { consumer, sequence: 1, n: 3, failures: { attempts: 3 } },
  ]);
});

test("what does not fit into the host's time goes on where it was", async () => {
  const seen: string[] = [];
  const { write, receive, published, system, places } = await setUp((text) => {
    seen.push(text);
    void system.clock.advance(2_000);
  });
  for (let i = 1; i <= 30; i++) await write("a", String(i));
  const message = await published("a", 30, 2);
  let outcome = await receive([message], 20_000);
  expect(outcome).toEqual([{ kind: "again", delayMs: 0, progressed: true }]);
  const first = seen.length;
  expect(first).toBeGreaterThan(1);
  expect(await places.place(consumer, { tenant: "default", entity: "note", id: "a" })).toEqual({
    sequence: first,
    n: 2,
  });
  for (let receives = 2; outcome[0]?.kind === "again"; receives++) {
    outcome = await receive([{ ...message, receives }], 20_000);
  }
  expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => String(i + 1)));
});

test("a long history is read in pages and its place is stored now and then", async () => {
  const seen: string[] = [];
  const { write, receive, published, places } = await setUp((text) => void seen.push(text));
  for (let i = 1; i <= 250; i++) await write("a", String(i));
  let saves = 0;
  const savePlace = places.savePlace;
  places.savePlace = (...args) => {
    saves++;
    return savePlace(...args);
  };
  expect(await receive([await published("a", 250, 2)])).toEqual([done]);
  expect(seen).toEqual(Array.from({ length: 250 }, (_, i) => String(i + 1)));
  expect(saves).toBe(25);
});

test("what nobody wants takes no attempt: how far it was looked is stored when time is up", async () => {
  const seen: string[] = [];
  const { write, receive, published, system, journal } = await setUp((text) => void seen.push(text));
  for (let i = 0; i < 450; i++) await write("a");
  await write("a", "1");
  const message = await published("a", 451, 2);
  const history = journal.history;
  const pages: number[] = [];
  journal.history = async (stream, range) => {
    pages.push(range.after);
    await system.clock.advance(5_000);
    return history(stream, range);
  };
  expect(await receive([message], 11_000)).toEqual([{ kind: "again", delayMs: 0, progressed: true }]);
  expect(await receive([{ ...message, receives: 2 }], 60_000)).toEqual([done]);
  expect(seen).toEqual(["1"]);
  expect(pages).toEqual([0, 100, 199, 299, 399]);
});

test("a record that is damaged is a dead letter, and keeps nobody from the others of its entity", async () => {
  const seen: string[] = [];
  const { write, receive, published, journal, failures } = await setUp((text) => void seen.push(text));
  for (const text of ["1", "2", "3"]) await write("a", text);
  const message = await published("a", 3, 2);
  const corrupt = new HoldfastError("journal-corrupt", "It is damaged.");
  const { history, record } = journal;
  journal.history = (stream, range) => (range.after < 2 ? Promise.reject(corrupt) : history(stream, range));
  journal.record = (stream, sequence) => (sequence === 2 ? Promise.reject(corrupt) : record(stream, sequence));
  expect(await receive([message])).toEqual([done]);
  expect(seen).toEqual(["1", "3"]);
  expect(await failures.dead({ limit: 9 })).toMatchObject([{ sequence: 2, n: 1, reason: { code: "journal-corrupt" } }]);
});

test("a backfill whose newest record is damaged brings the older ones all the same", async () => {
  const seen: string[] = [];
  const { write, receive, backfill, journal, failures } = await setUp((text) => void seen.push(text));
  for (const text of ["1", "2", "3"]) await write("a", text);
  const messages = await backfill();
  const corrupt = new HoldfastError("journal-corrupt", "It is damaged.");
  const { record } = journal;
  journal.history = () => Promise.reject(corrupt);
  journal.record = (stream, sequence) => (sequence === 3 ? Promise.reject(corrupt) : record(stream, sequence));
  expect(await receive(messages)).toEqual([done]);
  expect(seen).toEqual(["1", "2"]);
  expect(await failures.dead({ limit: 9 })).toMatchObject([{ sequence: 3, n: 1, reason: { code: "journal-corrupt" } }]);
});

test("a long history is asked for in portions, each with as many deliveries as a broker allows", async () => {
  const { write, backfill } = await setUp(() => {});
  for (let i = 0; i < 120; i++) await write("a", "x", "y");
  await write("b", "z");
  const messages = await backfill();
  expect(messages.map(({ group, body }) => `${group} ${(JSON.parse(body) as { record: string }).record}`)).toEqual([
    "a 50/3",
    "a 100/3",
    "a 120/3",
    "b 1/2",
  ]);
});

test("the backfill asks for all that is older, though its records seem to be younger than it", async () => {
  const seen: string[] = [];
  const { write, receive, backfill, places, system } = await setUp((text) => void seen.push(text));
  for (const text of ["1", "2", "3"]) await write("a", text);
  // Who wrote them has a clock that is ahead.
  await places.setBackfilled(consumer, system.now() - 3_600_000);
  expect(await receive(await backfill())).toEqual([done]);
  expect(seen).toEqual(["1", "2", "3"]);
});

test("the store of places that does not answer is no attempt: the message comes again", async () => {
  const seen: string[] = [];
  const { write, receive, published, places, failures } = await setUp((text) => void seen.push(text));
  await write("a", "1");
  places.place = () => Promise.reject(new Error("down"));
  expect(await receive([await published("a", 1, 2)])).toMatchObject([{ kind: "again" }]);
  expect(seen).toEqual([]);
  expect(await failures.failures(consumer, "a-1-2")).toBeUndefined();
});

/**
 * One entity: its events, from which on they are live, up to which the backfill saw them, and where its message comes into
 * the queue. Each message is handed out until it is done; sometimes a handler fails, sometimes the host dies before it has
 * said what it did.
 */
async function world(seed: number): Promise<void> {
  const random = createRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const faulty = seed % 2 === 0;
  const handled: string[] = [];
  const failures = new Map<string, number>();
  const { write, newReceiver, published, backfill, system, places } = await setUp((text) => {
    // Less often than it takes to be given up.
    const failed = failures.get(text) ?? 0;
    failures.set(text, failed + 1);
    if (faulty && failed < 2 && random() < 0.2) throw new Error("no");
    handled.push(text);
  });
  const records = 1 + below(20);
  const liveFrom = 1 + below(records + 1);
  const seenTo = Math.max(liveFrom - 1, below(records + 1));
  const queue: Message[] = [];
  const expected: string[] = [];
  let filled: readonly Message[] = [];
  let over = 0;
  let latest = Infinity;
  for (let sequence = 1; sequence <= records; sequence++) {
    const texts = Array.from({ length: below(4) }, (_, i) => `${sequence}.${i}`);
    expected.push(...texts);
    await system.clock.advance(1_000);
    await write("a", ...texts);
    // What is committed when the backfill is over comes behind it.
    if (seenTo < sequence && system.now() > over) latest = Math.min(latest, queue.length);
    if (sequence >= liveFrom) queue.push(...(await Promise.all(texts.map((_, i) => published("a", sequence, i + 2)))));
    if (sequence !== seenTo) continue;
    filled = await backfill();
    over = system.now() + below(2_000);
  }
  queue.splice(below(Math.min(latest, queue.length) + 1), 0, ...filled);
  await places.setBackfilled(consumer, over);
  const { savePlace } = places;
  places.savePlace = async (...args) => {
    const chance = faulty ? random() : 1;
    if (chance < 0.05) throw new Error("not stored");
    await savePlace(...args);
    if (chance < 0.1) throw new Error("stored, and the answer is lost");
  };
  let receive = newReceiver();
  for (let i = 0, receives = 1; i < queue.length; receives++) {
    const messages = queue.slice(i, i + 1 + below(4)).map((message, k) => ({ ...message, receives: k ? 1 : receives }));
    const outcomes = await receive(messages);
    if (faulty && random() < 0.1) {
      receive = newReceiver();
      continue;
    }
    for (const outcome of outcomes) {
      if (outcome.kind === "again") break;
      i++;
      receives = 0;
    }
    await system.clock.advance(60_000);
  }
  const firsts = [...new Set(handled)];
  if (!faulty) expect(handled, "each once").toEqual(firsts);
  expect(firsts, "all, in order").toEqual(expected);
}

test("whatever the order of live events, the backfill and failures: all is handled, in its order, and without failures once", async () => {
  for (let seed = 1; seed <= 400; seed++) {
    await world(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${(error as HoldfastError).message}`, { cause: error });
    });
  }
});
