import { holdfast, type App } from "holdfast";
import { createQueueHandler, type QueueEvent, type QueueRecord } from "holdfast/aws/lambda";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { createWorld, lambdaContext, type Told, type World, type WorldOptions } from "./fixtures.ts";

interface Seen {
  readonly body: string;
  readonly attempt: number;
  readonly attributes: unknown;
}

/** A worker that remembers what it saw, and fails for a body that begins with `bad`; `wait` makes it slow. */
function workers(seen: Seen[], wait: (body: string) => Promise<void> = async () => {}): App {
  const h = holdfast();
  const unit = h
    .entity("unit", { initial: () => ({}), events: { done: z.object({}) }, evolve: { done: (state) => state } })
    .command("do", { decide: (_state, _input, { events }) => events.done({}) });
  const worker = h.worker("imports", {
    queue: "imports",
    input: z.object({ body: z.string() }),
    timeoutMs: 10_000,
    handle: async ({ body }, { attempt, message }) => {
      seen.push({ body, attempt, attributes: message.attributes });
      await wait(body);
      if (body.startsWith("bad")) throw new Error("the supplier is down");
    },
  });
  return h.app({ entities: [unit], workers: [worker] });
}

let records = 0;

/** As Lambda hands a message over. Source: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
function record(
  queue: string,
  body: string,
  more: Partial<QueueRecord> & { group?: string; receives?: number } = {},
): QueueRecord {
  const { group, receives = 1, ...rest } = more;
  return {
    messageId: `${String(++records).padStart(8, "0")}-eb6a-45d6-8876-27bd56d8d2f5`,
    receiptHandle: `AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a${records}`,
    body,
    attributes: {
      ApproximateReceiveCount: String(receives),
      SentTimestamp: "1767225600000",
      ...(group !== undefined && { MessageGroupId: group }),
    },
    messageAttributes: {},
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:eu-central-1:123456789012:${queue}`,
    ...rest,
  };
}

const imported = (name: string, more?: Parameters<typeof record>[2]): QueueRecord =>
  record("shop-queue-imports", JSON.stringify({ body: name }), more);

interface Fixture extends World {
  readonly seen: Seen[];
  handle(records: readonly QueueRecord[], timeoutMs?: number): Promise<readonly string[]>;
}

function fixture(options: WorldOptions & { readonly wait?: (body: string) => Promise<void> } = {}): Fixture {
  const seen: Seen[] = [];
  const world = createWorld(workers(seen, options.wait), options);
  const handler = createQueueHandler(world.container);
  return {
    ...world,
    seen,
    async handle(batch, timeoutMs = 30_000) {
      const { batchItemFailures } = await handler({ Records: batch }, lambdaContext(world.system, timeoutMs));
      return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
    },
  };
}

const delaysOf = (told: readonly Told[]): readonly number[] =>
  told.flatMap(({ delays }) => delays.map(({ seconds }) => seconds));

test("what was handled is deleted, what has failed comes again, after its delay in whole seconds", async () => {
  const { handle, told, seen } = fixture();
  const [good, bad, fine] = [imported("good"), imported("bad"), imported("fine")];
  expect(await handle([good, bad, fine])).toEqual([bad.messageId]);
  expect(seen.map(({ body }) => body)).toEqual(["good", "bad", "fine"]);
  expect(told).toHaveLength(1);
  expect(told[0]?.queue).toMatchObject({ name: "shop-queue-imports", account: "123456789012" });
  expect(told[0]?.delays).toEqual([{ messageId: bad.messageId, receiptHandle: bad.receiptHandle, seconds: 1 }]);
});

test("nothing is told to the queue where nothing has failed", async () => {
  const { handle, told } = fixture();
  expect(await handle([imported("good")])).toEqual([]);
  expect(told).toEqual([]);
});

test("attempts are counted over deliveries, delays grow, and after the last one it is a dead letter", async () => {
  const { handle, told, seen, failures } = fixture();
  const bad = imported("bad");
  for (let receives = 1; receives <= 10; receives++) {
    const again = { ...bad, attributes: { ...bad.attributes, ApproximateReceiveCount: String(receives) } };
    expect(await handle([again])).toEqual(receives < 10 ? [bad.messageId] : []);
  }
  expect(seen.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const delays = delaysOf(told);
  expect(delays).toHaveLength(9);
  expect(Math.max(...delays)).toBeGreaterThan(30);
  expect(Math.max(...delays)).toBeLessThanOrEqual(300);
  expect(await failures.dead({ limit: 10 })).toMatchObject([{ consumer: "queue:imports", name: bad.messageId }]);
});

describe("in a queue with an order", () => {
  const ordered = (name: string, group: string): QueueRecord =>
    record("shop-imports.fifo", JSON.stringify({ body: name }), { group });

  test("all of the group behind a failure come again, untried, after the same delay; other groups go on", async () => {
    const { handle, told, seen } = fixture({ consumer: "queue:imports" });
    const batch = [
      ordered("a1", "a"),
      ordered("bad2", "a"),
      ordered("b1", "b"),
      ordered("a3", "a"),
      ordered("b2", "b"),
      ordered("a4", "a"),
    ];
    expect(await handle(batch)).toEqual([1, 3, 5].map((i) => batch[i]?.messageId));
    expect(seen.map(({ body }) => body).toSorted()).toEqual(["a1", "b1", "b2", "bad2"]);
    expect(told).toHaveLength(1);
    expect(delaysOf(told)).toEqual([1, 1, 1]);
  });

  test("a group of a fair queue, which has no order, holds nobody up", async () => {
    const { handle } = fixture();
    const batch = [imported("bad1", { group: "a" }), imported("a2", { group: "a" })];
    expect(await handle(batch)).toEqual([batch[0]?.messageId]);
  });
});

describe("when the queue cannot be told", () => {
  test.each<[string, () => Promise<readonly string[]>]>([
    ["it fails", () => Promise.reject(new Error("AccessDenied"))],
    ["it refuses some", async () => ["message"]],
  ])("because %s, the messages are reported all the same, and the log says it", async (_why, changeVisibility) => {
    const { handle, log } = fixture({ changeVisibility });
    const bad = imported("bad");
    expect(await handle([bad, imported("good")])).toEqual([bad.messageId]);
    expect(log.lines).toContainEqual(
      expect.objectContaining({ level: "warn", message: expect.stringContaining("not told") }),
    );
  });

  test("because it does not answer, the messages are reported after ten seconds", async () => {
    const { handle, system } = fixture({ changeVisibility: () => new Promise(() => {}) });
    const bad = imported("bad");
    const handled = handle([bad]);
    await system.clock.advance(10_000);
    expect(await handled).toEqual([bad.messageId]);
  });

  test("because it does not answer, the messages are reported before Lambda ends the invocation", async () => {
    const { handle, system } = fixture({ changeVisibility: () => new Promise(() => {}) });
    const bad = imported("bad");
    const handled = handle([bad], 5_000);
    await system.clock.advance(4_800);
    expect(await handled).toEqual([bad.messageId]);
  });
});

test("more than ten that come again are told in calls of ten", async () => {
  const { handle, told } = fixture();
  expect(await handle(Array.from({ length: 23 }, () => imported("bad")))).toHaveLength(23);
  expect(told.map(({ delays }) => delays.length)).toEqual([10, 10, 3]);
});

describe("time", () => {
  test("what cannot finish in the remaining time is not begun, and comes again at once", async () => {
    let now = (): void => {};
    const { handle, seen, told, system } = fixture({
      // Both hands of the first batch are busy for 5 of the 12 seconds; a handler may take 10.
      wait: (body) => (body === "slow" ? new Promise<void>((resolve) => void (now = resolve)) : Promise.resolve()),
      consumer: "queue:imports",
    });
    const slow = record("other.fifo", '{"body":"slow"}', { group: "a" });
    const next = record("other.fifo", '{"body":"next"}', { group: "a" });
    const handled = handle([slow, next], 12_000);
    await system.clock.advance(5_000);
    now();
    expect(await handled).toEqual([next.messageId]);
    expect(seen.map(({ body }) => body)).toEqual(["slow"]);
    expect(delaysOf(told)).toEqual([0]);
  });

  test("a function that ends before its handler may is told so, and the message waits", async () => {
    const { handle, seen, log } = fixture();
    const one = imported("good");
    expect(await handle([one], 5_000)).toEqual([one.messageId]);
    expect(seen).toEqual([]);
    const [line] = log.lines.filter(({ level }) => level === "warn");
    expect(line?.fields["error"]).toMatchObject({ code: "host-too-short" });
  });
});

test("attributes arrive as texts, binary ones in base64; the id that a sender gave is not among them", async () => {
  const { handle, seen } = fixture();
  const messageAttributes = {
    messageid: { stringValue: "row-7", dataType: "String" },
    count: { stringValue: "7", dataType: "Number" },
    blob: { binaryValue: "AAEC", dataType: "Binary" },
  };
  expect(await handle([imported("good", { messageAttributes })])).toEqual([]);
  expect(seen[0]?.attributes).toEqual({ count: "7", blob: "AAEC" });
});

test.each<[string, unknown, string]>([
  ["nothing", null, "null"],
  ["an HTTP request", { version: "2.0", rawPath: "/" }, "rawPath"],
  ["an empty batch", { Records: [] }, "Records"],
  ["a record of another source", { Records: [{ eventSource: "aws:dynamodb", dynamodb: {} }] }, "aws:dynamodb"],
  ["a record without messageId", { Records: [{ ...imported("a"), messageId: undefined }] }, "messageId"],
  ["a record with an empty messageId", { Records: [{ ...imported("a"), messageId: "" }] }, "messageId"],
  ["a record without a body", { Records: [{ ...imported("a"), body: undefined }] }, "body"],
  ["a record without a receipt handle", { Records: [{ ...imported("a"), receiptHandle: undefined }] }, "receiptHandle"],
  [
    "a receive count that is none",
    { Records: [{ ...imported("a"), attributes: { ApproximateReceiveCount: "0", SentTimestamp: "1" } }] },
    "ApproximateReceiveCount",
  ],
  [
    "an ARN that is no queue's",
    { Records: [imported("a", { eventSourceARN: "arn:aws:sns:eu-central-1:123456789012:t" })] },
    "eventSourceARN",
  ],
  ["two queues", { Records: [imported("a"), record("shop-timers", "{}")] }, "one queue"],
  ["an unknown queue", { Records: [record("shop-queue-exports", "{}")] }, "shop-queue-imports (queue:imports)"],
  ["a queue of another deployment", { Records: [record("other-timers", "{}")] }, "HOLDFAST_QUEUES"],
])("%s is an error that says what was expected, and nothing is handled", async (_what, event, named) => {
  const { container, system, seen, log } = fixture();
  const handling = createQueueHandler(container)(event as QueueEvent, lambdaContext(system));
  await expect(handling).rejects.toMatchObject({ code: "malformed-event", message: expect.stringContaining(named) });
  expect(seen).toEqual([]);
  expect(log.lines).toContainEqual(expect.objectContaining({ level: "error", message: "the invocation failed" }));
});

test("a consumer that the app does not have is refused when the handler is made", () => {
  const { container } = fixture();
  expect(() => createQueueHandler(container, { consumer: "queue:exports" })).toThrowError(
    expect.objectContaining({ code: "invalid-options", message: expect.stringContaining("queue:imports") }),
  );
});

test("a message that nobody can read is a dead letter, and holds nobody up", async () => {
  const { handle, failures } = fixture();
  expect(await handle([record("shop-timers", "no JSON"), record("shop-timers", '{"timer":"none","at":1}')])).toEqual(
    [],
  );
  const dead = await failures.dead({ limit: 10 });
  expect(dead.map(({ reason }) => reason.code).toSorted()).toEqual(["malformed-message", "unknown-timer"]);
});
