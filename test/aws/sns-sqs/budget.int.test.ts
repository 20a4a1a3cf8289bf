import { createSnsSqsBus } from "holdfast/aws/sns-sqs";
import { expect, test } from "vitest";
import type { Publication } from "../../../src/core/broker/bus.ts";
import { eventOf, parcelOf, streamOf } from "../../../src/testing/conformance/bus-fixtures.ts";
import { deploy, smallApp, useAws } from "./fixtures.ts";
import { onTheWire } from "./wire.ts";

const aws = useAws();

const hundred = Array.from({ length: 100 }, (_, i) => `m${i}`);

test("100 events of 100 entities are 10 requests to SNS, and arrive", async () => {
  const { clients, bus, drain, close } = await deploy(aws(), smallApp);
  const sent = onTheWire(clients.sns);
  expect((await bus.publish(hundred.map((id) => eventOf(id, id)))).every((error) => error === undefined)).toBe(true);
  expect(sent).toEqual(Array.from({ length: 10 }, () => "PublishBatch"));
  expect((await drain("subscription:all")).length).toBe(100);
  close();
});

test("100 messages are 10 requests to SQS, to queues with an order and without; none is no request", async () => {
  const { clients, bus, close } = await deploy(aws(), smallApp);
  const sent = onTheWire(clients.sqs);
  await bus.send(
    "sends",
    hundred.map((id) => parcelOf(id, { stream: streamOf(id) })),
  );
  expect(sent.length).toBe(10);
  await bus.send(
    "queue:work",
    hundred.map((id) => parcelOf(id, { stream: streamOf("a") })),
  );
  expect(sent.length).toBe(20);
  await bus.send("queue:work", []);
  expect(sent.length).toBe(20);
  close();
});

test("10 events of the largest size are 10 requests, and 10 of a tenth of a request are one", async () => {
  const { clients, bus, close } = await deploy(aws(), smallApp);
  const sent = onTheWire(clients.sns);
  const ofSize = (bytes: number, id: string): Publication => ({ ...eventOf(id, id), body: `"${"x".repeat(bytes)}"` });
  const results = await bus.publish(hundred.slice(0, 10).map((id) => ofSize(160 * 1_024 - 2, id)));
  expect(results.every((error) => error === undefined)).toBe(true);
  expect(sent.length).toBe(10);
  await bus.publish(hundred.slice(10, 20).map((id) => ofSize(26_000, id)));
  expect(sent.length).toBe(11);
  close();
});

test("timers of the next 15 minutes share requests, later ones are one schedule each", async () => {
  const { clients, bus, now, close } = await deploy(aws(), smallApp);
  const [queue, scheduler] = [onTheWire(clients.sqs), onTheWire(clients.scheduler)];
  await bus.send(
    "timers",
    hundred.map((id, i) => parcelOf(id, { notBefore: now() + (i < 90 ? 900_000 : 900_001) })),
  );
  expect(queue.length).toBe(9);
  expect(scheduler).toEqual(Array.from({ length: 10 }, () => "POST schedules"));
  close();
});

test("no more requests of a call are under way than it says", async () => {
  const { clients, options, close } = await deploy(aws(), smallApp);
  let under = 0;
  let most = 0;
  const handler = clients.sns.config.requestHandler;
  const send = handler.handle.bind(handler);
  handler.handle = async (request, how) => {
    most = Math.max(most, ++under);
    return send(request, how).finally(() => under--);
  };
  await createSnsSqsBus({ ...options, requestsMax: 3 }).publish(hundred.map((id) => eventOf(id, id)));
  expect(most).toBe(3);
  most = 0;
  await createSnsSqsBus(options).publish(hundred.map((id) => eventOf(id, `again ${id}`)));
  expect(most).toBe(10);
  close();
});
