import { readFileSync } from "node:fs";
import { HoldfastError, holdfast, on, type App } from "holdfast";
import { createMemoryBroker, createMemoryFailures, createMemoryJournal, createMemoryPlaces } from "holdfast/memory";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { createHandOut, functionMs } from "../../../src/azure/functions/hand-out.ts";
import { createInstance } from "../../../src/azure/functions/instance.ts";
import type { Bus, Parcel } from "../../../src/core/broker/bus.ts";
import type { FailureStore } from "../../../src/core/broker/failures.ts";
import { wakeUps } from "../../../src/core/broker/wake-ups.ts";
import { createMemoryMarks } from "../../../src/memory/marks.ts";
import { createVirtualSystem } from "../../../src/testing/virtual-system.ts";

interface Services {
  readonly seen: string[];
  act(what: string): unknown;
}

const minute = 60_000;
const h = holdfast<Services>();
const note = h
  .entity("note", {
    initial: () => ({}),
    events: { noted: z.object({ text: z.string() }) },
    evolve: { noted: (state) => state },
  })
  .command("write", { input: z.object({ text: z.string() }), decide: (_, input, { events }) => events.noted(input) });

function appOf(retryFirstMs: number, timeoutMs = 30_000): App<unknown, Services> {
  const policy = { maxAttempts: 3, retryFirstMs, timeoutMs };
  return h.app({
    entities: [note],
    subscriptions: [
      h.subscription("notes", {
        to: [on(note.events.noted)],
        ...policy,
        handle: async ({ data, version }, { services, attempt }) => {
          services.seen.push(`${version} ${data.text}/${attempt}`);
          await services.act(data.text);
        },
      }),
    ],
    workers: [
      h.worker("jobs", {
        queue: "jobs",
        input: z.object({ job: z.string() }),
        ...policy,
        handle: async ({ job }, { services, attempt, message }) => {
          services.seen.push(`${job}/${attempt} ${message.id} ${JSON.stringify(message.attributes)}`);
          await services.act(job);
        },
      }),
    ],
  });
}

interface SetUp {
  readonly act?: Services["act"];
  readonly retryFirstMs?: number;
  readonly timeoutMs?: number;
}

/** What the note says that an envelope is of. */
function textOf(body: string): string {
  return (JSON.parse(body) as { readonly data: { readonly text: string } }).data.text;
}

/** A store and a broker in memory, on which instances are started. */
function world({ act = () => {}, retryFirstMs = 1_000, timeoutMs }: SetUp = {}) {
  const lines: string[] = [];
  const line = (_: object, text: string): void => void lines.push(text);
  const system = createVirtualSystem({ log: { debug: line, info: line, warn: line, error: line } });
  const journal = createMemoryMarks(createMemoryJournal());
  // Its methods may be replaced.
  const failures: { -readonly [Name in keyof FailureStore]: FailureStore[Name] } = createMemoryFailures();
  const failing: FailureStore = {
    ...failures,
    failures: (...args) => failures.failures(...args),
    bury: (...args) => failures.bury(...args),
  };
  const places = createMemoryPlaces();
  const broker = createMemoryBroker(system.now);
  const app = appOf(retryFirstMs, timeoutMs);
  broker.subscribe(app as App);
  const services = { seen: [] as string[], act };
  const refusing = new Set<string>();
  const sent: (Parcel & { readonly to: string })[] = [];
  const published: string[] = [];
  const bus: Bus = {
    async publish(events) {
      published.push(...events.map(({ body }) => textOf(body)));
      if (!refusing.has("topic")) return broker.publish(events);
      return events.map(() => new HoldfastError("down", "The topic is down.", { retry: "later" }));
    },
    async send(to, parcels) {
      if (refusing.has(to)) return parcels.map(() => new HoldfastError("down", "It is down.", { retry: "later" }));
      sent.push(...parcels.map((parcel) => ({ ...parcel, to })));
      return broker.send(to, parcels);
    },
  };

  function start() {
    const instance = createInstance(app as App, { journal, bus, failures: failing, places, services }, { system });
    /** Invokes the function with a message; what has become of it is to be asked. */
    function hand(consumer: string, body: unknown, metadata: object = {}) {
      const queue = instance.queues.get(consumer);
      if (!queue) throw new Error(`Nothing handles the messages of ${consumer}.`);
      const handOut = createHandOut(consumer, queue, instance, system);
      let state = "waits";
      const all = { messageId: "m1", deliveryCount: 1, enqueuedTimeUtc: "2026-01-01T00:00:00", ...metadata };
      handOut(body, all).then(
        () => (state = "done"),
        (error: HoldfastError) => (state = `${error.code} ${error.retry}`),
      );
      return { state: () => state };
    }
    const idle = instance.publisher.idle;
    return { ...instance, hand, idle };
  }

  const started = start();
  return {
    ...started,
    start,
    system,
    clock: system.clock,
    seen: services.seen,
    services,
    sent: (to: string) => sent.filter((parcel) => parcel.to === to),
    published,
    refusing,
    failures,
    journal,
    broker,
    lines,
    dead: () => failures.dead({ limit: 10 }),
    /** An event of its own stream, as the subscription gets it. */
    async event(text: string) {
      await started.runtime.call(note, text).write({ text });
      await started.idle();
      const all = broker.waiting("subscription:notes");
      const { body, group } = all[all.length - 1]?.message ?? {};
      return { body: Buffer.from(body ?? ""), metadata: { messageId: `${text}-m`, sessionId: group } };
    },
  };
}

const jobs = "queue:jobs";
const notes = "subscription:notes";
const job = (name: string): Buffer => Buffer.from(JSON.stringify({ job: name }));
const no = (): never => {
  throw new Error("no");
};
/** No attempt is counted, and the next one is due when it says. */
const outage = (retryAfterMs: number) => (): never => {
  throw new HoldfastError("down", "It is down.", { retry: "later", retryAfterMs });
};

describe("a message of a session", () => {
  test("is done with when its handler is, and nothing is sent", async () => {
    const { hand, clock, seen, event, sent } = world();
    const { body, metadata } = await event("a");
    const one = hand(notes, body, metadata);
    await clock.advance(0);
    expect([one.state(), seen, sent(notes)]).toEqual(["done", ["1 a/1"], []]);
  });

  test("that fails waits here for each of its attempts, which are counted, until it is a dead letter", async () => {
    const { hand, clock, seen, event, dead, sent } = world({ act: no, retryFirstMs: 20_000 });
    const { body, metadata } = await event("a");
    const one = hand(notes, body, metadata);
    await clock.advance(9_999);
    expect([one.state(), seen]).toEqual(["waits", ["1 a/1"]]);
    await clock.advance(10_001);
    expect([one.state(), seen]).toEqual(["waits", ["1 a/1", "1 a/2"]]);
    expect(await dead()).toEqual([]);
    await clock.advance(40_000);
    expect([one.state(), seen]).toEqual(["done", ["1 a/1", "1 a/2", "1 a/3"]]);
    const [letter, ...others] = await dead();
    expect([letter?.failures.attempts, others, sent(notes)]).toEqual([3, [], []]);
  });

  test("goes back after five minutes of failing, when its next attempt is due and no sooner", async () => {
    const { hand, clock, seen, event } = world({ act: outage(200_000) });
    const { body, metadata } = await event("a");
    const one = hand(notes, body, metadata);
    await clock.advance(399_999);
    expect([one.state(), seen.length]).toEqual(["waits", 2]);
    await clock.advance(1);
    // Whoever gets it next tries it at once.
    expect([one.state(), seen.length]).toEqual(["message-returned later", 2]);
  });

  test("is tried here for as long as its attempts are due within five minutes", async () => {
    const { hand, clock, seen, event } = world({ act: outage(149_999) });
    const { body, metadata } = await event("a");
    const one = hand(notes, body, metadata);
    await clock.advance(299_998);
    expect([one.state(), seen.length]).toEqual(["waits", 3]);
  });

  test("that is handed out again goes on counting where it was", async () => {
    const { hand, clock, seen, event } = world({ act: no });
    const { body, metadata } = await event("a");
    hand(notes, body, metadata);
    await clock.advance(0);
    const again = hand(notes, body, { ...metadata, deliveryCount: 2 });
    await clock.advance(0);
    expect([again.state(), seen]).toEqual(["waits", ["1 a/1", "1 a/2"]]);
  });
});

describe("a message of a queue without an order", () => {
  test("that is to wait for long goes back as a copy, due at that time, and its failures are counted on", async () => {
    const { hand, clock, seen, dead, sent } = world({ act: no, retryFirstMs: 60_000 });
    const applicationProperties = { kind: "row", size: 3 };
    const first = hand(jobs, job("a"), { applicationProperties });
    await clock.advance(0);
    expect(first.state()).toBe("done");
    const [copy, ...others] = sent(jobs);
    expect(others).toEqual([]);
    expect(copy).toMatchObject({
      body: '{"job":"a"}',
      attributes: { kind: "row", size: "3", retryof: "m1", retryreceives: "1" },
    });
    expect(copy?.id).not.toBe("m1");

    await clock.advance(minute);
    const second = hand(jobs, Buffer.from(copy?.body ?? ""), {
      messageId: copy?.id,
      applicationProperties: copy?.attributes,
    });
    await clock.advance(0);
    expect(second.state()).toBe("done");
    const [, copyOfCopy] = sent(jobs);
    expect(copyOfCopy?.attributes).toEqual({ ...copy?.attributes, retryreceives: "2" });
    expect([copy?.id, "m1"]).not.toContain(copyOfCopy?.id);

    await clock.advance(2 * minute);
    const third = hand(jobs, Buffer.from(copyOfCopy?.body ?? ""), {
      messageId: copyOfCopy?.id,
      applicationProperties: copyOfCopy?.attributes,
    });
    await clock.advance(0);
    expect([third.state(), sent(jobs).length]).toEqual(["done", 2]);
    const shown = 'm1 {"kind":"row","size":"3"}';
    expect(seen).toEqual([`a/1 ${shown}`, `a/2 ${shown}`, `a/3 ${shown}`]);
    const [letter] = await dead();
    expect(letter).toMatchObject({ consumer: jobs, name: "m1", failures: { attempts: 3 } });
    expect(letter?.attributes).toBe('{"kind":"row","size":"3"}');
  });

  test("that is to wait for up to two seconds waits here, and else as long as its copy", async () => {
    const short = world({ act: outage(2_000) });
    const one = short.hand(jobs, job("a"));
    await short.clock.advance(2_000);
    expect([one.state(), short.seen.length, short.sent(jobs)]).toEqual(["waits", 2, []]);
    const long = world({ act: outage(2_001) });
    const other = long.hand(jobs, job("a"));
    await long.clock.advance(0);
    expect([other.state(), long.seen.length]).toEqual(["done", 1]);
    expect(long.sent(jobs).map(({ notBefore }) => notBefore)).toEqual([long.clock.now() + 2_001]);
  });

  test("waits here where its queue takes no copy", async () => {
    const { hand, clock, seen, refusing, lines } = world({ act: no, retryFirstMs: 60_000 });
    refusing.add(jobs);
    const one = hand(jobs, job("a"));
    await clock.advance(29_999);
    expect([one.state(), seen.length]).toEqual(["waits", 1]);
    expect(lines).toContain("a message waits here, since its queue takes no copy");
    await clock.advance(30_001);
    expect([one.state(), seen.length]).toEqual(["waits", 2]);
  });
});

describe("where the store is down", () => {
  test("a message of a queue without an order is asked for less and less often, also as copies", async () => {
    const { hand, clock, failures, seen, sent } = world();
    failures.failures = () => Promise.reject(new HoldfastError("down", "It is down.", { retry: "later" }));
    let copy: Parcel | undefined;
    const delays: number[] = [];
    for (let i = 0; i < 10; i++) {
      const before = sent(jobs).length;
      const { id: messageId = "m1", attributes: applicationProperties } = copy ?? {};
      hand(jobs, job("a"), { messageId, applicationProperties, deliveryCount: copy ? 1 : 2 });
      await clock.advance(0);
      expect(sent(jobs).length).toBe(before + 1);
      copy = sent(jobs).at(-1);
      delays.push((copy?.notBefore ?? 0) - clock.now());
      await clock.advance(delays.at(-1) ?? 0);
    }
    expect(delays.slice(0, 3)).toEqual([4_000, 8_000, 16_000]);
    expect([delays.at(-1), seen]).toEqual([300_000, []]);
  });

  test("a body that is no UTF-8 waits here until it can be buried, and no copy of it looks like a message", async () => {
    const { hand, clock, failures, seen, sent, dead } = world();
    const { bury } = failures;
    failures.bury = () => Promise.reject(new HoldfastError("down", "It is down.", { retry: "later" }));
    const one = hand(jobs, Buffer.from('{"job":"\xff"}', "latin1"), { deliveryCount: 3 });
    await clock.advance(7_999);
    expect([one.state(), sent(jobs)]).toEqual(["waits", []]);
    failures.bury = bury;
    await clock.advance(1);
    expect([one.state(), seen, sent(jobs), (await dead()).length]).toEqual(["done", [], [], 1]);
  });
});

describe("what no handler can be given", () => {
  test("a body that is no UTF-8 is a dead letter with what can be read of it, though it may look like a message", async () => {
    const { hand, clock, seen, dead } = world();
    const one = hand(jobs, Buffer.from('{"job":"\xff"}', "latin1"));
    await clock.advance(0);
    expect([one.state(), seen]).toEqual(["done", []]);
    const [letter] = await dead();
    expect(letter).toMatchObject({
      consumer: jobs,
      name: "m1",
      body: '{"job":"\ufffd"}',
      reason: { code: "malformed-message", message: "The message is not UTF-8." },
    });
  });

  test.each([
    ["a body that is no Buffer", '{"job":"a"}', {}],
    ["a message without an id", job("a"), { messageId: undefined }],
    ["a message without a deliveryCount", job("a"), { deliveryCount: undefined }],
  ])("%s is malformed-event, and goes back", async (_, body, metadata) => {
    const { hand, clock, seen, dead } = world();
    const one = hand(jobs, body, metadata);
    await clock.advance(0);
    expect([one.state(), seen, await dead()]).toEqual(["malformed-event never", [], []]);
  });
});

test("a handler that may take as long as any may is given that time", async () => {
  const { hand, clock, seen } = world({ timeoutMs: 15 * minute });
  const one = hand(jobs, job("a"));
  await clock.advance(0);
  expect([one.state(), seen.length]).toEqual(["done", 1]);
});

test("host.json lets a function run for as long as a message may be kept here", () => {
  const host = JSON.parse(readFileSync(new URL("../../../host.json", import.meta.url), "utf8")) as {
    readonly functionTimeout: string;
  };
  const [hours = 0, minutes = 0, seconds = 0] = host.functionTimeout.split(":").map(Number);
  expect(((hours * 60 + minutes) * 60 + seconds) * 1_000).toBe(functionMs);
  // It waits for 5 minutes, is due 5 minutes later at most, and an attempt takes 15 at most.
  expect(functionMs).toBeGreaterThanOrEqual(25 * minute);
});

describe("an instance", () => {
  test("publishes what it stores behind the reply, and schedules one wake-up before it", async () => {
    const { event, sent, broker } = world();
    await event("a");
    expect([broker.waiting(notes).length, sent(wakeUps).length]).toEqual([1, 1]);
  });

  test("handles wake-ups: what could not be published is, and how far is noted", async () => {
    const { runtime, refusing, idle, hand, clock, sent, broker, journal } = world();
    refusing.add("topic");
    await runtime.call(note, "a").write({ text: "a" });
    await idle();
    refusing.clear();
    await clock.advance(90_000);
    const [wakeUp] = sent(wakeUps);
    const one = hand(wakeUps, Buffer.from(wakeUp?.body ?? ""));
    await clock.advance(0);
    expect([one.state(), broker.waiting(notes).length]).toEqual(["done", 1]);
    const stream = { tenant: "default", entity: "note", id: "a" };
    expect(await journal.unpublished(stream, 10)).toEqual({ published: 1, records: [] });
  });

  test("a wake-up that could not publish says so, and is tried again", async () => {
    const { runtime, refusing, idle, hand, clock, sent, broker, dead } = world();
    refusing.add("topic");
    await runtime.call(note, "a").write({ text: "a" });
    await idle();
    await clock.advance(90_000);
    const one = hand(wakeUps, Buffer.from(sent(wakeUps)[0]?.body ?? ""));
    await clock.advance(0);
    expect([one.state(), broker.waiting(notes).length]).toEqual(["waits", 0]);
    refusing.clear();
    await clock.advance(minute);
    expect([one.state(), broker.waiting(notes).length, await dead()]).toEqual(["done", 1, []]);
  });

  test("publishes first what another one has stored and not published", async () => {
    const { runtime, refusing, idle, start, broker } = world();
    refusing.add("topic");
    await runtime.call(note, "a").write({ text: "first" });
    await idle();
    refusing.clear();
    const other = start();
    await other.runtime.call(note, "a").write({ text: "second" });
    await other.idle();
    expect(broker.waiting(notes).map(({ message }) => textOf(message.body))).toEqual(["first", "second"]);
  });

  test("what its records say of how far publishing has got is known to those who come later", async () => {
    const { runtime, idle, journal } = world();
    for (const text of ["one", "two", "three"]) {
      await runtime.call(note, "a").write({ text });
      await idle();
    }
    const { published } = await journal.unpublished({ tenant: "default", entity: "note", id: "a" }, 10);
    expect(published).toBe(2);
  });

  test("learns from a wake-up what others have published, and does not publish it again", async () => {
    const { runtime, idle, hand, start, sent, clock, published } = world();
    await runtime.call(note, "a").write({ text: "first" });
    await idle();
    const other = start();
    await other.runtime.call(note, "a").write({ text: "second" });
    await other.idle();
    await clock.advance(90_000);
    const body = Buffer.from(sent(wakeUps)[0]?.body ?? "");
    other.hand(wakeUps, body);
    await clock.advance(0);
    const one = hand(wakeUps, body);
    await clock.advance(0);
    expect(one.state()).toBe("done");
    published.length = 0;
    await runtime.call(note, "a").write({ text: "third" });
    await idle();
    expect(published).toEqual(["third"]);
  });
});
