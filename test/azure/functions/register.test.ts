import { accept, holdfast, HoldfastError, on, type App, type Telemetry } from "holdfast";
import type { RegisterOptions } from "holdfast/azure/functions";
import { createMemoryBroker, createMemoryFailures, createMemoryJournal, createMemoryPlaces } from "holdfast/memory";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import type { HttpData, Registered, TypedData } from "../../../packages/azure-local/rpc.ts";
import { createMemoryMarks } from "../../../src/memory/marks.ts";
import shop from "../../../functions/app.ts";
import { startWorker } from "./worker.ts";

// Behind the worker's module, which the library asks for when it is loaded.
startWorker();
const { register } = await import("holdfast/azure/functions");

const env = {
  HOLDFAST_TABLE_URL: "https://shop.table.core.windows.net",
  HOLDFAST_SERVICEBUS__fullyQualifiedNamespace: "shop.servicebus.windows.net",
  HOLDFAST_PREFIX: "shop-",
  HOLDFAST_LOG: "silent",
};

const h = holdfast<{ readonly heard: string[] }>();
const counter = h
  .entity("counter", {
    initial: () => 0,
    events: { counted: z.object({ by: z.number() }) },
    evolve: { counted: (sum, { by }) => sum + by },
    view: (sum, { id }) => ({ id, sum }),
  })
  .command("count", {
    input: z.object({ by: z.number() }),
    decide: (_sum, input, { events }) => accept([events.counted(input)], { reply: input.by }),
  });
const app = h.app({
  entities: [counter],
  subscriptions: [
    h.subscription("echo", {
      to: [on(counter.events.counted, { by: 2 })],
      handle: async ({ id, data }, { services }) => void services.heard.push(`${id} ${data.by}`),
    }),
  ],
  workers: [
    h.worker("tell", {
      queue: "words",
      input: z.object({ word: z.string() }),
      handle: async ({ word }, { services, message }) => void services.heard.push(`${word} ${JSON.stringify(message)}`),
    }),
  ],
  timers: [
    h.timer("often", { cron: "* * * * *", handle: async (_context) => {} }),
    h.timer("leap", { cron: "0 3 29 2 *", zone: "Europe/Vienna", handle: async (_context) => {} }),
  ],
});

/** The app in a worker of its own, on ports in memory. */
async function start(options: Partial<RegisterOptions<{ readonly heard: string[] }>> = {}) {
  const worker = startWorker();
  const heard: string[] = [];
  const broker = createMemoryBroker(() => Date.now());
  broker.subscribe(app as App);
  register(app, {
    env,
    public: true,
    services: { heard },
    open: async () => ({
      journal: createMemoryMarks(createMemoryJournal()),
      bus: broker,
      failures: createMemoryFailures(),
      places: createMemoryPlaces(),
    }),
    ...options,
  });
  await worker.started("/app");
  let asked = 0;

  async function request(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
    const nullableHeaders = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, { value }]));
    const http: HttpData = {
      method,
      url: `https://shop.azurewebsites.net${path}`,
      nullableHeaders: {
        ...nullableHeaders,
        ...(body !== undefined && { "content-type": { value: "application/json" } }),
      },
      nullableParams: { path: { value: path.slice(1) } },
      ...(body !== undefined && { body: { bytes: Buffer.from(body) } }),
    };
    const answered = await worker.invoke({ id: `i${++asked}`, name: "http", inputData: inputOf("http", { http }) });
    const { statusCode, headers: sent, body: bytes } = answered?.http ?? {};
    const text = Buffer.from(bytes?.bytes ?? []).toString();
    return { status: Number(statusCode), headers: sent, text, json: text.startsWith("{") ? JSON.parse(text) : text };
  }

  function inputOf(name: string, data: TypedData) {
    const { bindings } = worker.registered().find((one) => one.name === name) ?? {
      bindings: {} as Registered["bindings"],
    };
    const [binding = ""] = Object.entries(bindings).find(([, { direction }]) => direction === "in") ?? [];
    return [{ name: binding, data }];
  }

  return {
    worker,
    heard,
    broker,
    request,
    message: (name: string, body: string, triggerMetadata: { readonly [name: string]: TypedData }) =>
      worker.invoke({
        id: `i${++asked}`,
        name,
        inputData: inputOf(name, { bytes: Buffer.from(body) }),
        triggerMetadata,
      }),
    timer: (name: string, timer: object) =>
      worker.invoke({ id: `i${++asked}`, name, inputData: inputOf(name, { json: JSON.stringify(timer) }) }),
  };
}

describe("register", () => {
  test("makes a function for all requests, and one for each subscription, queue and timer", () => {
    const worker = startWorker();
    register(shop, { env, public: true, services: {} as never });
    const triggers = worker.registered().map(({ name, bindings }) => {
      const [trigger = {}] = Object.values(bindings).filter(({ direction }) => direction === "in");
      const ours = Object.entries(trigger).filter(([field]) => !["name", "direction", "properties"].includes(field));
      return [name, Object.fromEntries(ours)];
    });
    const bus = {
      type: "serviceBusTrigger",
      connection: "HOLDFAST_SERVICEBUS",
      cardinality: "one",
      dataType: "binary",
    };
    const events = { ...bus, topicName: "shop-events", isSessionsEnabled: true };
    expect(Object.fromEntries(triggers)).toEqual({
      http: {
        type: "httpTrigger",
        authLevel: "function",
        methods: ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
        route: "{*path}",
      },
      sends: { ...bus, queueName: "shop-sends", isSessionsEnabled: true },
      timers: { ...bus, queueName: "shop-timers", isSessionsEnabled: false },
      wakeups: { ...bus, queueName: "shop-wakeups", isSessionsEnabled: false },
      "queue-imports": { ...bus, queueName: "shop-queue-imports", isSessionsEnabled: false },
      "subscription-payment": { ...events, subscriptionName: "payment" },
      "subscription-fulfilment": { ...events, subscriptionName: "fulfilment" },
      "subscription-bookkeeping": { ...events, subscriptionName: "bookkeeping" },
      "timer-nightly": { type: "timerTrigger", schedule: expect.stringMatching(/^0 /) as string },
    });
  });

  const refusals: readonly (readonly [string, RegisterOptions<never>, string])[] = [
    ["an option that is none", { env, pubic: true } as never, "pubic"],
    ["entities that are open, unsaid", { env }, "counter"],
    ["a level that is none", { env, public: true, authLevel: "user" as never }, "authLevel"],
    ["live answers", { env, public: true, http: { live: true } as never }, "live"],
    ["a request that Azure does not wait for", { env, public: true, http: { requestTimeoutMs: 230_000 } }, "220000"],
    ["an environment that says nothing", { env: {}, public: true }, "HOLDFAST_TABLE_URL"],
    ["a log level that is none", { env: { ...env, HOLDFAST_LOG: "loud" }, public: true }, "loud"],
  ];
  test.each(refusals)("refuses %s", (_what, options, text) => {
    startWorker();
    expect(() => register(app as App, options)).toThrowError(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(text) as string }),
    );
  });
});

describe("a function app", () => {
  test("answers requests, and publishes what they store", async () => {
    const { request, broker, worker } = await start();
    expect(await request("GET", "/readyz")).toMatchObject({ status: 200 });
    expect(await request("POST", "/api/counter/c1/count", '{"by":2}')).toMatchObject({ status: 200, text: "2" });
    expect(await request("GET", "/api/counter/c1")).toMatchObject({ status: 200, json: { id: "c1", sum: 2 } });
    expect(await request("POST", "/api/counter/c1/count", '{"by":')).toMatchObject({ status: 400 });
    await worker.terminated();
    expect(broker.waiting("subscription:echo")).toHaveLength(1);
    // And somebody comes and looks, whatever becomes of this process.
    expect(broker.waiting("wakeups")).toHaveLength(1);
  });

  test("handles messages, by what the platform says of them", async () => {
    const { request, message, heard, broker, worker } = await start();
    await request("POST", "/api/counter/c1/count", '{"by":2}');
    await worker.terminated();
    const [waiting] = broker.waiting("subscription:echo");
    await message("subscription-echo", waiting?.message.body ?? "", {
      MessageId: { string: waiting?.message.id ?? "" },
      SessionId: { string: "s" },
      DeliveryCount: { json: "1" },
      EnqueuedTimeUtc: { json: '"2026-11-21T10:00:00Z"' },
      ApplicationProperties: { json: "{}" },
    });
    expect(heard).toEqual([expect.stringMatching(/^[0-9a-v]{20}-1 2$/)]);
  });

  test("hands a worker the message's id and attributes, numbers as they were written", async () => {
    const { message, heard } = await start();
    await message("queue-words", '{"word":"hi","n":12345678901234567890}', {
      MessageId: { string: "m1" },
      DeliveryCount: { json: "1" },
      ApplicationProperties: { json: '{"Shade":"red","size":5,"on":true,"none":null,"list":[1]}' },
    }).catch(() => {});
    // A number that no double holds is refused as everywhere; it does not arrive as another one.
    expect(heard).toEqual([]);
    await message("queue-words", '{"word":"hi"}', {
      MessageId: { string: "m2" },
      DeliveryCount: { json: "1" },
      ApplicationProperties: { json: '{"Shade":"red","size":5,"on":true,"none":null,"list":[1]}' },
    });
    expect(heard).toEqual(['hi {"id":"m2","attributes":{"shade":"red","size":"5","on":"true"}}']);
  });

  test("asks for the tick that a timer has fired for, and for none where there is none", async () => {
    const { timer, broker } = await start();
    await timer("timer-often", { IsPastDue: false, ScheduleStatus: { Last: "0001-01-01T00:00:00+00:00" } });
    const asked = broker
      .waiting("timers")
      .map(({ message }) => JSON.parse(message.body) as { timer: string; at: number });
    expect(asked).toEqual([{ timer: "often", at: expect.any(Number) as number }]);
    expect((asked[0]?.at ?? 1) % 60_000).toBe(0);
    await timer("timer-leap", { IsPastDue: false });
    expect(broker.waiting("timers")).toHaveLength(1);
  });

  test("that could not start is started anew by the next request", async () => {
    let fails = true;
    const journal = createMemoryMarks(createMemoryJournal());
    const { request } = await start({
      open: async () => {
        if (fails) throw new HoldfastError("journal-failed", "The table does not answer.", { retry: "later" });
        return {
          journal,
          bus: createMemoryBroker(() => Date.now()),
          failures: createMemoryFailures(),
          places: createMemoryPlaces(),
        };
      },
    });
    expect(await request("GET", "/api/counter/c1")).toMatchObject({ status: 503, json: { code: "journal-failed" } });
    fails = false;
    expect(await request("GET", "/api/counter/c1")).toMatchObject({ status: 200 });
  });

  test("asks who sends a request, by what the app says", async () => {
    const asked: (string | null)[] = [];
    const { request } = await start({
      authenticate(request) {
        asked.push(request.headers.get("x-who"));
        throw new HoldfastError("unauthenticated", "Nobody.");
      },
    });
    expect(await request("GET", "/api/counter/c1", undefined, { "x-who": "me" })).toMatchObject({ status: 401 });
    expect(asked).toEqual(["me"]);
  });

  test("sends what telemetry has kept before it ends, and ends also where that fails", async () => {
    let flushed = 0;
    const telemetry = {
      flush: async () => {
        flushed++;
        throw new Error("nobody listens");
      },
    };
    const { worker } = await start({ telemetry: telemetry as unknown as Telemetry });
    await worker.terminated();
    expect(flushed).toBe(1);
  });

  test("that has published nothing yet ends at once", async () => {
    const { worker } = await start({ open: () => Promise.reject(new Error("down")) });
    await worker.terminated();
  });
});
