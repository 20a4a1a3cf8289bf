// The process dies at the n-th call that an invocation makes to the outside, before or after the call has its effect, for
// every n: Lambda hands out again what was not answered, and in the end all has happened, once.
import { holdfast, on, type App } from "holdfast";
import { createHttpHandler, createQueueHandler, createStreamHandler, type QueueEvent } from "holdfast/aws/lambda";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { Message } from "../../../src/core/broker/receive.ts";
import { createWorld, lambdaContext, urlEvent, type World } from "./fixtures.ts";
import { inserted, sequenceNumber } from "./stream-events.ts";

const queues = {
  "shop-sends.fifo": "sends",
  "shop-timers": "timers",
  "shop-subscription-copy.fifo": "subscription:copy",
  "shop-queue-imports": "queue:imports",
} as const;

const h = holdfast();
const added = z.object({ by: z.string() });
const total = h
  .entity("total", {
    initial: () => ({ by: [] as readonly string[] }),
    events: { added },
    evolve: { added: (state, { by }) => ({ by: [...state.by, by] }) },
  })
  .command("add", { input: added, decide: (_state, input, { events }) => events.added(input) });
const step = z.object({ n: z.int() });
const source = h
  .entity("source", {
    initial: () => ({ n: 0 }),
    events: { stepped: step },
    evolve: { stepped: (_state, data) => data },
  })
  .command("step", {
    decide: ({ n }, _input, { events, id, send, schedule }) => {
      send(total, id).add({ by: `send ${n + 1}` });
      if (n === 0) schedule("late", { afterMs: 5_000 }).step();
      return events.stepped({ n: n + 1 });
    },
  });
const copy = h.subscription("copy", {
  to: [on(source.events.stepped)],
  handle: async (event, { call, attempt }) => {
    if (event.data.n === 1 && attempt === 1) throw new Error("the first time it fails");
    await call(total, event.subject).add({ by: `event ${event.data.n}` });
  },
});
const imports = h.worker("imports", {
  queue: "imports",
  input: z.object({ row: z.string() }),
  handle: async ({ row }, { call }) => {
    await call(total, "s1").add({ by: `row ${row}` });
  },
});
const app: App = h.app({ entities: [total, source], subscriptions: [copy], workers: [imports] });

/** Queues hide what they hand out for six times the function's time-out. */
const timeoutMs = 60_000;
const hideMs = 6 * timeoutMs;

type When = "before" | "after";

/** Counts calls to the outside; at the n-th one the process ends: nothing of it is heard of again. */
function mortal(n: number, when: When) {
  let calls = 0;
  let die = (): void => {};
  const died = new Promise<"died">((resolve) => void (die = () => resolve("died")));
  let dead = false;
  const never = new Promise<never>(() => {});
  const through = <Port extends object>(port: Port): Port =>
    new Proxy(port, {
      get(target, name, receiver) {
        const value: unknown = Reflect.get(target, name, receiver);
        if (typeof value !== "function") return value;
        return (...args: unknown[]): unknown => {
          if (dead) return never;
          const call = (): unknown => Reflect.apply(value, target, args);
          if (++calls !== n) return call();
          const ended = when === "before" ? Promise.resolve() : Promise.resolve(call());
          dead = true;
          return ended.then(() => {
            die();
            return never;
          });
        };
      },
    });
  return { died, through, calls: () => calls, hasDied: () => dead };
}

/** Brings one request and two rows through all functions of a deployment, as Lambda's event sources would. */
async function run(
  n: number,
  when: When,
): Promise<{ readonly calls: number; readonly died: boolean; readonly world: World }> {
  const death = mortal(n, when);
  const first = createWorld(app, {
    journal: death.through,
    bus: death.through,
    failures: death.through,
  });
  const { changeVisibility } = await first.container.messaging();
  const { system, journal, broker } = first;
  let world = first;

  const functions = (container: World["container"]) => ({
    http: createHttpHandler(container, { public: true }),
    queue: createQueueHandler(container),
    stream: createStreamHandler(container),
  });
  let container = functions({
    ...first.container,
    messaging: async () => ({
      ...(await first.container.messaging()),
      changeVisibility: death.through({ changeVisibility }).changeVisibility,
    }),
  });

  /** Answers `died` where the process did; then the next invocation has a new one. */
  async function invoke<Answer>(call: (of: typeof container) => Promise<Answer>): Promise<Answer | "died"> {
    // It dies once.
    if (death.hasDied()) return call(container);
    const answer = await Promise.race([call(container), death.died]);
    if (answer === "died") {
      world = createWorld(app, { world: first });
      container = functions(world.container);
    }
    return answer;
  }

  let position = 0;
  async function relay(): Promise<boolean> {
    const records = await journal.recordsAfter(position, 5);
    if (records.length === 0) return false;
    const event = { Records: records.map((record, i) => inserted(record, position + i)) };
    const answer = await invoke(({ stream }) => stream(event, lambdaContext(system, timeoutMs)));
    if (answer === "died") return true;
    const [failed] = answer.batchItemFailures;
    position +=
      failed === undefined
        ? records.length
        : records.findIndex((_, i) => sequenceNumber(position + i) === failed.itemIdentifier);
    return true;
  }

  async function deliver(name: keyof typeof queues): Promise<boolean> {
    const consumer = queues[name];
    const messages = broker.receive(consumer, { now: system.now(), limit: 10, hideMs });
    if (messages.length === 0) return false;
    const told = world.told.length;
    const answer = await invoke(({ queue }) => queue(eventOf(name, messages), lambdaContext(system, timeoutMs)));
    // What the queue was told holds, also where the process has died behind it.
    const delays = new Map(
      world.told
        .slice(told)
        .flatMap((each) => each.delays)
        .map((each) => [each.messageId, each.seconds]),
    );
    const failed = new Set(
      answer === "died" ? messages.map(({ id }) => id) : answer.batchItemFailures.map((each) => each.itemIdentifier),
    );
    for (const message of messages) {
      const seconds = delays.get(message.id);
      if (!failed.has(message.id)) broker.settle(consumer, message, { kind: "done" }, system.now());
      else if (seconds !== undefined)
        broker.settle(consumer, message, { kind: "again", delayMs: seconds * 1_000 }, system.now());
    }
    return true;
  }

  const request = urlEvent({ method: "POST", target: "/api/source/s1/step", headers: { "idempotency-key": "k1" } });
  // The client tries again, with the same key, until it is answered.
  while ((await invoke(({ http }) => http(request, lambdaContext(system, timeoutMs)))) === "died");
  await broker.send(
    "queue:imports",
    ["1", "2"].map((row) => ({ id: `row${row}`, body: JSON.stringify({ row }) })),
  );
  for (let quiet = 0; quiet < 3; ) {
    let moved = await relay();
    for (const name of Object.keys(queues) as (keyof typeof queues)[]) moved = (await deliver(name)) || moved;
    if (moved) quiet = 0;
    else {
      quiet++;
      await system.clock.advance(hideMs);
    }
  }
  return { calls: death.calls(), died: death.hasDied(), world };
}

function eventOf(name: string, messages: readonly Message[]): QueueEvent {
  return {
    Records: messages.map(({ id, group, receives, body, attributes, sent }) => ({
      messageId: id,
      receiptHandle: `${id}-${receives}`,
      body,
      attributes: {
        ApproximateReceiveCount: String(receives),
        SentTimestamp: String(sent),
        ...(group !== undefined && { MessageGroupId: group }),
      },
      messageAttributes: Object.fromEntries(
        Object.entries(attributes).map(([key, stringValue]) => [key, { stringValue, dataType: "String" }]),
      ),
      eventSource: "aws:sqs",
      eventSourceARN: `arn:aws:sqs:eu-central-1:123456789012:${name}`,
    })),
  };
}

const all = ["event 1", "event 2", "row 1", "row 2", "send 1", "send 2"];

async function expectAll({ container, failures, journal }: World): Promise<void> {
  const { runtime } = await container.instance();
  const { view } = await runtime.view({
    entity: "total",
    id: "s1",
    principal: { kind: "system", id: "test", tenant: "default", claims: {} },
  });
  const { by } = view as { readonly by: readonly string[] };
  expect(by.toSorted()).toEqual(all);
  expect(by.filter((each) => each.startsWith("event"))).toEqual(["event 1", "event 2"]);
  expect(by.filter((each) => each.startsWith("send"))).toEqual(["send 1", "send 2"]);
  expect(await failures.dead({ limit: 10 })).toEqual([]);
  expect(
    await journal.history({ tenant: "default", entity: "source", id: "s1" }, { after: 0, limit: 10 }),
  ).toHaveLength(2);
}

test("without a death all happens once", async () => {
  const { world, died } = await run(Infinity, "before");
  expect(died).toBe(false);
  await expectAll(world);
});

describe.each<When>(["before", "after"])("a process that dies %s a call", (when) => {
  test("loses nothing and doubles nothing, whichever call it is", async () => {
    const { calls } = await run(Infinity, when);
    expect(calls).toBeGreaterThan(25);
    for (let n = 1; n <= calls; n++) {
      const { world, died } = await run(n, when);
      expect(died, `call ${n}`).toBe(true);
      await expectAll(world);
    }
  });
});
