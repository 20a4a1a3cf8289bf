import { createSystem, type HoldfastError } from "holdfast";
import { createSnsSqsBus } from "holdfast/aws/sns-sqs";
import { describe, expect, test } from "vitest";
import type { BusResults } from "../../../src/core/broker/bus.ts";
import { eventOf, idsOf, parcelOf, streamOf } from "../../../src/testing/conformance/bus-fixtures.ts";
import { deploy, smallApp as app, useAws } from "./fixtures.ts";
import { type Fault, onTheWire } from "./wire.ts";

const aws = useAws();

const ids = Array.from({ length: 25 }, (_, i) => `m${i}`);
const weekMs = 604_800_000;

type Deployed = Awaited<ReturnType<typeof deploy>>;

/** What the bus does, with which client, and where it arrives. */
const ways = {
  publish: {
    client: "sns",
    operation: "PublishBatch",
    send: ({ bus }: Deployed) => bus.publish(ids.map((id) => eventOf(id, id))),
    arrived: ({ drain }: Deployed) => drain("subscription:all"),
    once: true,
  },
  send: {
    client: "sqs",
    operation: "SendMessageBatch",
    send: ({ bus }: Deployed) =>
      bus.send(
        "sends",
        ids.map((id) => parcelOf(id, { stream: streamOf(id) })),
      ),
    arrived: ({ drain }: Deployed) => drain("sends"),
    once: true,
  },
  work: {
    client: "sqs",
    operation: "SendMessageBatch",
    send: ({ bus }: Deployed) =>
      bus.send(
        "queue:work",
        ids.map((id) => parcelOf(id)),
      ),
    arrived: ({ drain }: Deployed) => drain("queue:work"),
    once: false,
  },
  schedule: {
    client: "scheduler",
    operation: "POST schedules",
    send: ({ bus, now }: Deployed) => {
      const notBefore = now() + weekMs;
      return bus.send(
        "timers",
        ids.map((id) => parcelOf(`${id} ${notBefore}`, { notBefore, body: JSON.stringify({ id }) })),
      );
    },
    arrived: async ({ advance, drain }: Deployed) => {
      await advance(weekMs);
      return drain("timers");
    },
    once: true,
  },
} as const;

type Way = (typeof ways)[keyof typeof ways];

/** Whatever the bus says it has taken is there; what it has not taken is refused with a reason and a word on retrying. */
async function settled(way: Way, deployed: Deployed, results: BusResults): Promise<readonly string[]> {
  expect(results.length).toBe(ids.length);
  const there = idsOf(await way.arrived(deployed));
  const taken = ids.filter((_, i) => results[i] === undefined);
  expect(taken.filter((id) => !there.includes(id))).toEqual([]);
  for (const error of results) if (error) expect(error.retryAfterMs === undefined).toBe(error.retry === "never");
  return there;
}

function codes(results: BusResults): readonly (string | undefined)[] {
  return [...new Set(results.map((error) => error && `${error.code}, ${error.retry}`))];
}

const before: readonly (readonly [string, Fault, string])[] = [
  ["refused at the door", "refused", "bus-failed, later"],
  ["a connection that breaks on the way", "broken", "bus-failed, later"],
  ["a failure inside the service", { status: 500, code: "InternalError" }, "bus-failed, later"],
  ["a service that is not available", { status: 503, code: "ServiceUnavailable" }, "bus-failed, later"],
];

const after: readonly (readonly [string, Fault, string])[] = [
  ["an answer that is lost", "answer lost", "bus-failed, later"],
  ["a failure after the work was done", { status: 500, code: "InternalError", done: true }, "bus-failed, later"],
];

describe.each(Object.entries(ways))("%s", (_name, way) => {
  test.each([...before, ...after])("with %s at every attempt takes nothing", async (_fault, fault, code) => {
    const deployed = await deploy(aws(), app, { maxAttempts: 2 });
    const sent = onTheWire(deployed.clients[way.client], () => fault);
    const results = await way.send(deployed);
    expect(codes(results)).toEqual([code]);
    expect(sent.length % 2).toBe(0);
    const there = await settled(way, deployed, results);
    expect(there.length > 0).toBe(after.some(([, each]) => each === fault));
    deployed.close();
  });

  test.each([...before, ...after])(
    "with %s at each first attempt, without retries, tells what is there",
    async (_fault, fault) => {
      const deployed = await deploy(aws(), app, { maxAttempts: 1 });
      const sent = onTheWire(deployed.clients[way.client], (_operation, count) =>
        count % 2 === 0 ? fault : undefined,
      );
      const results = await way.send(deployed);
      expect(codes(results).length).toBe(2);
      await settled(way, deployed, results);
      expect(new Set(sent)).toEqual(new Set([way.operation]));
      deployed.close();
    },
  );

  test.each([...before, ...after])(
    "with %s once is tried again by the SDK, and all is there",
    async (_fault, fault) => {
      const deployed = await deploy(aws(), app, { maxAttempts: 3 });
      onTheWire(deployed.clients[way.client], (_operation, count) => (count === 0 ? fault : undefined));
      const results = await way.send(deployed);
      // Nobody listened: the SDK gives that up at once.
      if (fault === "refused") expect(codes(results).length).toBeGreaterThan(0);
      else expect(codes(results)).toEqual([undefined]);
      const there = await settled(way, deployed, results);
      if (way.once && fault !== "refused") expect(there.toSorted()).toEqual(ids.toSorted());
      deployed.close();
    },
  );

  test("after a lost answer the same call brings all of it, in an order once", async () => {
    const deployed = await deploy(aws(), app, { maxAttempts: 1 });
    let lost = true;
    onTheWire(deployed.clients[way.client], () => (lost ? "answer lost" : undefined));
    expect(codes(await way.send(deployed))).toEqual(["bus-failed, later"]);
    lost = false;
    const results = await way.send(deployed);
    expect(codes(results)).toEqual([undefined]);
    const there = await settled(way, deployed, results);
    expect(there.length).toBe(way.once ? 25 : 50);
    deployed.close();
  });

  test("in a storm of throttling says overloaded, and takes all when it is over", async () => {
    const deployed = await deploy(aws(), app, { maxAttempts: 2 });
    let storm = true;
    onTheWire(deployed.clients[way.client], () =>
      storm ? { status: 400, code: "ThrottlingException", message: "Rate exceeded" } : undefined,
    );
    for (let i = 0; i < 3; i++) expect(codes(await way.send(deployed))).toEqual(["overloaded, later"]);
    storm = false;
    const results = await way.send(deployed);
    expect(codes(results)).toEqual([undefined]);
    expect((await settled(way, deployed, results)).toSorted()).toEqual(ids.toSorted());
    deployed.close();
  });

  test("that gets no answer ends with its time, though the client heeds no signal", async () => {
    const deployed = await deploy(aws(), app, { maxAttempts: 1 });
    onTheWire(deployed.clients[way.client], () => {
      queueMicrotask(() => due.pop()?.());
      return "silence";
    });
    // Its time is over as soon as it is on the wire.
    const due: (() => void)[] = [];
    const after = (_delayMs: number, task: () => void) => {
      due.push(task);
      return () => {};
    };
    const bus = createSnsSqsBus({ ...deployed.options, system: { ...createSystem(), after } });
    const results = await way.send({ ...deployed, bus });
    expect(codes(results)).toEqual(["bus-failed, later"]);
    expect(results[0]?.message).toMatch(/did not answer within 10000 ms; it may or may not have/);
    deployed.close();
  });

  test.each([
    ["throttled", { status: 400, code: "Throttled" }, "overloaded, later", /is throttled \(Throttled/],
    ["KMS throttled", { status: 400, code: "KMSThrottlingException" }, "overloaded, later", /throttled/],
    [
      "no access",
      { status: 403, code: "AccessDenied", message: "no" },
      "bus-failed, later",
      /may not be used .*docs\/aws\.md/,
    ],
    ["no key", { status: 400, code: "KMSAccessDeniedException" }, "bus-failed, later", /may not be used/],
    ["nothing there", { status: 404, code: "NotFound" }, "bus-unavailable, never", /does not exist .*Expected: /],
    ["no queue", { status: 400, code: "QueueDoesNotExist" }, "bus-unavailable, never", /does not exist .*Expected: /],
    [
      "another kind",
      {
        status: 400,
        code: "InvalidParameter",
        message: "The MessageDeduplicationId parameter is not valid for this topic type",
      },
      "bus-unavailable, never",
      /is of another kind .*Expected: /,
    ],
    ["too long", { status: 400, code: "BatchRequestTooLong" }, "message-too-large, never", /262144 bytes are allowed/],
    [
      "something else",
      { status: 400, code: "InvalidParameterValue" },
      "message-refused, never",
      /refuses a message as it is/,
    ],
  ] as const)("explains %s", async (_name, fault, code, message) => {
    const deployed = await deploy(aws(), app, { maxAttempts: 1 });
    onTheWire(deployed.clients[way.client], () => fault);
    const results = await way.send(deployed);
    expect(codes(results)).toEqual([code]);
    expect(results[0]?.message).toMatch(message);
    expect(results[0]?.cause).toBeInstanceOf(Error);
    deployed.close();
  });

  test("names where nobody listens", async () => {
    const deployed = await deploy(aws(), app, { maxAttempts: 1 });
    onTheWire(deployed.clients[way.client], () => "refused");
    expect((await way.send(deployed))[0]?.message).toMatch(
      /cannot be reached \(connect ECONNREFUSED\); nothing was sent/,
    );
    deployed.close();
  });
});

describe.each([ways.publish, ways.send])("a batch of $operation", (way) => {
  test.each([
    [{ entry: 3, code: "InternalError" }, "bus-failed, later"],
    [{ entry: 3, code: "Throttled" }, "overloaded, later"],
    [{ entry: 3, code: "InvalidMessageContents", senderFault: true }, "message-refused, never"],
    [{ entry: 3 }, "bus-failed, later"],
  ] as const)("of which the service does not take one fails for that one alone: %o", async (fault, code) => {
    const deployed = await deploy(aws(), app, { maxAttempts: 1 });
    const sent = onTheWire(deployed.clients[way.client], (_operation, count) => (count === 1 ? fault : undefined));
    const results = await way.send(deployed);
    expect(sent.length).toBe(3);
    expect(results.flatMap((error, i) => (error ? [[i, `${error.code}, ${error.retry}`]] : []))).toEqual([[13, code]]);
    const there = await settled(way, deployed, results);
    expect(there.toSorted()).toEqual(ids.filter((id) => id !== "m13").toSorted());
    deployed.close();
  });

  test("that is refused as a whole for the sake of one is sent one by one", async () => {
    const deployed = await deploy(aws(), app, { maxAttempts: 1 });
    // The third batch, and of its entries the second.
    const refused = new Set([2, 4]);
    const sent = onTheWire(deployed.clients[way.client], (_operation, count) =>
      refused.has(count) ? { status: 400, code: "InvalidParameterValue" } : undefined,
    );
    const results = await way.send(deployed);
    expect(sent.length).toBe(3 + 5);
    expect(results.flatMap((error, i) => (error ? [[i, error.code]] : []))).toEqual([[21, "message-refused"]]);
    expect((await settled(way, deployed, results)).length).toBe(24);
    deployed.close();
  });
});

describe("messages of one stream in one call", () => {
  const parcels = Array.from({ length: 4 }, (_, i) => parcelOf(`a${i}`, { stream: streamOf("a") }));

  test("are not sent behind one that was not taken", async () => {
    const deployed = await deploy(aws(), app, { maxAttempts: 1 });
    onTheWire(deployed.clients.sqs, (_operation, count) => (count === 1 ? "broken" : undefined));
    const others = [parcelOf("b0", { stream: streamOf("b") }), parcelOf("c0"), parcelOf("c1")];
    const results = await deployed.bus.send("sends", [...parcels, ...others]);
    expect(results.map((error: HoldfastError | undefined) => error?.code)).toEqual([
      undefined,
      "bus-failed",
      "bus-failed",
      "bus-failed",
      undefined,
      undefined,
      undefined,
    ]);
    expect(results[2]?.message).toMatch(/earlier message of the same stream/);
    expect(idsOf(await deployed.drain("sends")).toSorted()).toEqual(["a0", "b0", "c0", "c1"]);
    deployed.close();
  });
});

describe("a message that cannot be carried is refused before any request, and those beside it go", () => {
  const notBefore = 1_767_225_600_000 + weekMs;
  test.each([
    ["sends", { notBefore }, /a FIFO queue holds no single message back/],
    ["queue:work", { notBefore }, /only those for timers can/],
    ["timers", { notBefore, attributes: { a: "b" } }, /without attributes/],
    ["queue:work", { body: "" }, /has no body/],
    [
      "queue:work",
      { attributes: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`a${i}`, "x"])) },
      /has 11 attributes; 10 are allowed/,
    ],
    ["queue:work", { attributes: { "a b": "x" } }, /an attribute "a b"; its name is/],
    ["queue:work", { attributes: { "AWS.x": "x" } }, /an attribute "AWS.x"/],
    ["queue:work", { attributes: { a: "" } }, /is empty or holds a control character/],
    ["queue:work", { attributes: { a: "\u0001" } }, /is empty or holds a control character/],
  ] as const)("%s, %o", async (consumer, more, message) => {
    const deployed = await deploy(aws(), app, { maxAttempts: 1 });
    const results = await deployed.bus.send(consumer, [parcelOf("m0"), parcelOf("m1", more), parcelOf("m2")]);
    expect(results.map((error) => error?.code)).toEqual([undefined, "message-refused", undefined]);
    expect(results[1]?.message).toMatch(message);
    expect(idsOf(await deployed.drain(consumer)).toSorted()).toEqual(["m0", "m2"]);
    deployed.close();
  });

  test("a timer of next week, on a bus without schedules", async () => {
    const deployed = await deploy(aws(), app);
    const { schedules: _schedules, ...options } = deployed.options;
    const results = await createSnsSqsBus(options).send("timers", [parcelOf("m0", { notBefore })]);
    expect(results[0]).toMatchObject({
      code: "message-refused",
      message: expect.stringContaining("`schedules`") as string,
    });
    deployed.close();
  });
});
