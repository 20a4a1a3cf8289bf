import { CreateTopicCommand } from "@aws-sdk/client-sns";
import {
  checkBus,
  consumersOf,
  createSnsSqsBus,
  deadQueueName,
  queueName,
  type SnsSqsOptions,
} from "holdfast/aws/sns-sqs";
import { expect, test } from "vitest";
import { deploy, smallApp, useAws } from "./fixtures.ts";
import { onTheWire } from "./wire.ts";

const aws = useAws();
const consumers = consumersOf(smallApp);

test("a bus as it has to be passes the check", async () => {
  const { options, close } = await deploy(aws(), smallApp);
  await checkBus({ ...options, consumers });
  close();
});

test("the check names every queue that is not there, and the topic, with what was expected", async () => {
  const { options, prefix, close } = await deploy(aws(), smallApp);
  const topic = options.topic.replace(prefix, "nobodys-");
  const checked = checkBus({ ...options, topic, consumers: [...consumers, "subscription:new", "queue:new"] });
  await expect(checked).rejects.toMatchObject({ code: "bus-unavailable", retry: "never" });
  const message = await checked.then(String, (error: Error) => error.message);
  expect(message).toMatch(/Topic ".*nobodys-events\.fifo" does not exist .*Expected: an SNS FIFO topic/);
  expect(message).toMatch(/subscription-new\.fifo" does not exist .*the FIFO queue of the consumer "subscription:new"/);
  expect(message).toMatch(/queue-new" does not exist .*the standard queue of the consumer "queue:new"/);
  expect(message.split("\n").length).toBe(3);
  close();
});

test("the check refuses a topic that is not FIFO", async () => {
  const { options, own, close } = await deploy(aws(), smallApp);
  const { TopicArn = "" } = await own.sns.send(new CreateTopicCommand({ Name: "standard" }));
  await expect(checkBus({ ...options, topic: TopicArn, consumers })).rejects.toMatchObject({
    code: "invalid-options",
    message: expect.stringContaining('which ends in ".fifo"') as string,
  });
  // An emulator may have a standard topic of such a name.
  const client = options.sns;
  onTheWire(client, () => undefined);
  const send = client.send.bind(client);
  client.send = (async () => ({ Attributes: {} })) as typeof send;
  await expect(checkBus({ ...options, consumers })).rejects.toMatchObject({
    code: "bus-unavailable",
    message: expect.stringMatching(/is not FIFO\. Expected: an SNS FIFO topic/) as string,
  });
  close();
});

test("the check says later where it could not see", async () => {
  const { options, clients, close } = await deploy(aws(), smallApp, { maxAttempts: 1 });
  onTheWire(clients.sqs, () => "broken");
  await expect(checkBus({ ...options, consumers })).rejects.toMatchObject({ code: "bus-failed", retry: "later" });
  onTheWire(clients.sns, () => ({ status: 403, code: "AuthorizationError" }));
  await expect(checkBus({ ...options, consumers: [] })).rejects.toMatchObject({
    code: "bus-failed",
    message: expect.stringContaining("may not be used") as string,
  });
  close();
});

test.each<readonly [object, RegExp]>([
  [{ topics: "x" }, /Unknown option "topics" .*Known: sns, sqs/],
  [{ sns: {} }, /sns has to be an SNSClient/],
  [{ sqs: undefined }, /sqs has to be an SQSClient/],
  [{ app: undefined }, /app has to be an app, or its manifest/],
  [{ topic: "arn:aws:sns:eu-central-1:1:events" }, /topic is "arn.*has to be the ARN of an SNS FIFO topic/],
  [{ queues: "shop-" }, /queues is "shop-"; it has to be what the URLs/],
  [{ requestTimeoutMs: 0 }, /requestTimeoutMs is 0; it must be a whole number from 1 to 900000/],
  [{ requestsMax: 101 }, /requestsMax is 101/],
  [{ schedules: {} }, /schedules\.client has to be a SchedulerClient/],
])("options are checked: %o", async (wrong, message) => {
  const { options, close } = await deploy(aws(), smallApp);
  const made = () => createSnsSqsBus({ ...options, ...wrong } as SnsSqsOptions);
  expect(made).toThrow(
    expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(message) as string }),
  );
  close();
});

test.each<readonly [object, RegExp]>([
  [{ group: "a/b" }, /schedules\.group is "a\/b"/],
  [{ role: "arn:aws:sqs:x" }, /schedules\.role is "arn:aws:sqs:x"; it has to be an ARN of iam/],
  [{ target: "timers" }, /schedules\.target is "timers"; it has to be an ARN of sqs/],
  [{ dead: undefined }, /schedules\.dead is undefined/],
])("options of schedules are checked: %o", async (wrong, message) => {
  const { options, close } = await deploy(aws(), smallApp);
  const schedules = { ...options.schedules, ...wrong } as SnsSqsOptions["schedules"];
  expect(() => createSnsSqsBus({ ...options, schedules })).toThrow(message);
  close();
});

test("queues are named after their consumers", () => {
  expect(consumers).toEqual(["sends", "timers", "subscription:all", "queue:work"]);
  expect(consumers.map(queueName)).toEqual(["sends.fifo", "timers", "subscription-all.fifo", "queue-work"]);
  expect(consumers.map(deadQueueName)).toEqual([
    "sends-dead.fifo",
    "timers-dead",
    "subscription-all-dead.fifo",
    "queue-work-dead",
  ]);
  const longest = deadQueueName(`subscription:${"a".repeat(40)}`);
  expect(longest.length).toBeLessThanOrEqual(80 - 15);
});
