import wrap from "@middy/core";
import { holdfast, type Telemetry } from "holdfast";
import {
  createContainer,
  createHttpHandler,
  createQueueHandler,
  createStreamHandler,
  holdfastContext,
  holdfastCorrelation,
  holdfastDeadline,
  holdfastFlush,
  holdfastLog,
} from "holdfast/aws/lambda";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";
import { createWorld, lambdaContext, recordingLogger, urlEvent } from "./fixtures.ts";

const h = holdfast();
const unit = h
  .entity("unit", {
    initial: () => ({ n: 0 }),
    events: { done: z.object({}) },
    evolve: { done: ({ n }) => ({ n: n + 1 }) },
  })
  .command("do", { decide: (_state, _input, { events }) => events.done({}) });
const app = h.app({ entities: [unit] });

test("a handler of one's own gets the running app, the cause's ids and its deadline", async () => {
  const { container, system, journal } = createWorld(app);
  const handler = wrap<{ readonly headers: object }>()
    .use(holdfastLog(container))
    .use(holdfastContext(container))
    .use(holdfastCorrelation())
    .use(holdfastDeadline(container))
    .use(holdfastFlush(container))
    .handler(async (_event, { holdfast, correlation, deadline }) => {
      const { runtime } = holdfast;
      const principal = { kind: "system", id: "x", tenant: "default", claims: {} } as const;
      await runtime.execute({ entity: "unit", id: "u1", command: "do", principal, context: correlation, deadline });
      return { correlation, left: deadline - system.now() };
    });
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const headers = { "X-Correlation-Id": "c1", traceparent };
  const context = lambdaContext(system, 10_000);
  expect(await handler({ headers }, context as never)).toEqual({
    correlation: { correlation: "c1", trace: traceparent },
    left: 9_000,
  });
  expect(await journal.streams({ tenant: "default", entity: "unit", limit: 1 })).toEqual(["u1"]);
});

test("without a header the cause's id is the invocation's", async () => {
  const { system } = createWorld(app);
  const context = lambdaContext(system);
  for (const event of [{}, null, [], "text", { headers: null }, { headers: { "x-correlation-id": 7 } }]) {
    const handler = wrap<unknown>()
      .use(holdfastCorrelation())
      .handler(async (_event, { correlation }) => correlation);
    expect(await handler(event, context as never)).toEqual({ correlation: context.awsRequestId });
  }
});

test("an invocation that has no time left is refused, and may be tried again", async () => {
  const { container, system } = createWorld(app);
  let handled = false;
  const handler = wrap()
    .use(holdfastDeadline(container))
    .handler(async () => (handled = true));
  await expect(handler({}, lambdaContext(system, 1_000) as never)).rejects.toMatchObject({
    code: "deadline-exceeded",
    retry: "later",
  });
  expect(handled).toBe(false);
});

test("an invocation that fails is one line with its reason", async () => {
  const { container, system, log } = createWorld(app);
  const handler = wrap()
    .use(holdfastLog(container))
    .handler(() => Promise.reject(new Error("no")));
  const context = lambdaContext(system);
  await expect(handler({}, context)).rejects.toThrow("no");
  expect(log.lines).toMatchObject([
    { level: "error", fields: { request: context.awsRequestId, error: expect.any(Error) } },
  ]);
});

/** Telemetry that does nothing but flush. */
function flushing(flush: () => Promise<void>) {
  const log = recordingLogger();
  const span = { trace: undefined, within: <T>(work: () => T): T => work(), end: () => {} };
  const telemetry: Telemetry = {
    request: () => span,
    command: () => span,
    message: () => span,
    active: () => undefined,
    conflict: () => {},
    loaded: () => {},
    reached: () => {},
    deadLetter: () => {},
    age: () => () => {},
    flush,
  };
  const system = createVirtualSystem({ log, telemetry });
  const { container } = createWorld(app);
  return {
    log,
    system,
    container: createContainer(app, {
      system,
      queuePrefix: "shop-",
      open: async () => ({ journal: createMemoryJournal() }),
      openMessaging: container.messaging,
    }),
  };
}

const view = urlEvent({ method: "GET", target: "/api/unit/u1" });

test("telemetry is sent before each answer, of all three handlers, also of those that fail", async () => {
  const order: string[] = [];
  const { container, system } = flushing(async () => void order.push("flushed"));
  await createHttpHandler(container, { public: true })(view, lambdaContext(system));
  expect(order.splice(0)).toEqual(["flushed"]);
  await createStreamHandler(container)({ Records: [] }, lambdaContext(system));
  expect(order.splice(0)).toEqual(["flushed"]);
  await expect(createQueueHandler(container)({ Records: [] }, lambdaContext(system))).rejects.toThrow();
  expect(order).toEqual(["flushed"]);
});

test("telemetry that fails or hangs costs no answer", async () => {
  const failing = flushing(() => Promise.reject(new Error("no collector")));
  const answer = await createHttpHandler(failing.container, { public: true })(view, lambdaContext(failing.system));
  expect(answer.statusCode).toBe(200);
  expect(failing.log.lines).toContainEqual(
    expect.objectContaining({ level: "warn", message: "telemetry was not sent" }),
  );

  const hanging = flushing(() => new Promise(() => {}));
  const late = createHttpHandler(hanging.container, { public: true })(view, lambdaContext(hanging.system, 1_500));
  await hanging.system.clock.advance(1_400);
  expect((await late).statusCode).toBe(200);
});
