import {
  ConflictException,
  CreateScheduleCommand,
  type CreateScheduleCommandInput,
  CreateScheduleGroupCommand,
  DeleteScheduleCommand,
  GetScheduleCommand,
  GetScheduleGroupCommand,
  ListSchedulesCommand,
  ResourceNotFoundException,
  ValidationException,
} from "@aws-sdk/client-scheduler";
import { startScheduler } from "@holdfast/scheduler-emulator";
import { expect, test } from "vitest";
import { deploy, drain, smallApp, useAws } from "./fixtures.ts";

const aws = useAws();

/** What a schedule of the tests has, but its name and its times. */
async function prepared() {
  const deployed = await deploy(aws(), smallApp);
  const { schedules, queues } = deployed.options;
  const { client, target, role, dead } = schedules ?? { target: "", role: "", dead: "" };
  if (!client) throw new Error("It is deployed with schedules.");
  const input = (Name: string, ScheduleExpression: string, more: Partial<CreateScheduleCommandInput> = {}) => ({
    Name,
    ScheduleExpression,
    FlexibleTimeWindow: { Mode: "OFF" as const },
    Target: { Arn: target, RoleArn: role, Input: `${Name} at <aws.scheduler.scheduled-time>` },
    ...more,
  });
  const create = (...args: Parameters<typeof input>) => client.send(new CreateScheduleCommand(input(...args)));
  /** Sends what is due until then. */
  const bodies = async (until: string) => {
    await aws().scheduler.fire(Date.parse(until));
    return (await deployed.drain("timers")).map(({ body }) => body);
  };
  const closing = async (...names: readonly string[]) => {
    for (const Name of names) await client.send(new DeleteScheduleCommand({ Name }));
    deployed.close();
  };
  return { ...deployed, queues, client, target, role, dead, input, create, bodies, closing };
}

test("a one-time schedule sends once, at its time and not before, and is gone if it says so", async () => {
  const { create, bodies, client, closing } = await prepared();
  await create("once", "at(2026-01-01T12:00:00)", { ActionAfterCompletion: "DELETE" });
  await create("zoned", "at(2026-01-01T12:00:00)", { ScheduleExpressionTimezone: "America/New_York" });
  expect(await bodies("2026-01-01T11:59:59.999Z")).toEqual([]);
  expect(await bodies("2026-01-01T12:00:00Z")).toEqual(["once at 2026-01-01T12:00:00Z"]);
  expect(await bodies("2026-01-02T12:00:00Z")).toEqual(["zoned at 2026-01-01T17:00:00Z"]);
  expect(await bodies("2027-01-02T12:00:00Z")).toEqual([]);
  await expect(client.send(new GetScheduleCommand({ Name: "once" }))).rejects.toBeInstanceOf(ResourceNotFoundException);
  expect(await client.send(new GetScheduleCommand({ Name: "zoned" }))).toMatchObject({
    Name: "zoned",
    State: "ENABLED",
  });
  await closing("zoned");
});

test("rates and cron expressions send at each of their times, in the order of the times", async () => {
  const { create, bodies, closing } = await prepared();
  await create("rate", "rate(1 hour)");
  await create("daily", "cron(30 3 * * ? *)", { ScheduleExpressionTimezone: "Europe/Vienna" });
  await create("sundays", "cron(15 0,1 ? * 1 *)");
  expect(await bodies("2026-01-01T03:00:00Z")).toEqual([
    "rate at 2026-01-01T00:00:00Z",
    "rate at 2026-01-01T01:00:00Z",
    "rate at 2026-01-01T02:00:00Z",
    "daily at 2026-01-01T02:30:00Z",
    "rate at 2026-01-01T03:00:00Z",
  ]);
  await closing("rate");
  // The fourth of January 2026 is a Sunday.
  expect((await bodies("2026-01-05T00:00:00Z")).filter((body) => body.startsWith("sundays"))).toEqual([
    "sundays at 2026-01-04T00:15:00Z",
    "sundays at 2026-01-04T01:15:00Z",
  ]);
  // In summer it is an hour earlier.
  expect((await bodies("2026-07-01T12:00:00Z")).findLast((body) => body.startsWith("daily"))).toBe(
    "daily at 2026-07-01T01:30:00Z",
  );
  await closing("daily", "sundays");
});

test("a schedule does not send outside of its dates, nor while it is switched off", async () => {
  const { create, bodies, closing } = await prepared();
  const [StartDate, EndDate] = [new Date("2026-01-02T00:00:00Z"), new Date("2026-01-02T01:00:00Z")];
  await create("between", "cron(0/30 * * * ? *)", { StartDate, EndDate });
  await create("off", "rate(1 minute)", { State: "DISABLED" });
  expect(await bodies("2026-01-03T00:00:00Z")).toEqual([
    "between at 2026-01-02T00:00:00Z",
    "between at 2026-01-02T00:30:00Z",
    "between at 2026-01-02T01:00:00Z",
  ]);
  await closing("between", "off");
});

test("what cannot be sent goes to the dead-letter queue, with the reason", async () => {
  const { create, target, role, dead, own, queues, closing } = await prepared();
  const Target = { Arn: `${target}-nobodys`, RoleArn: role, Input: "x", DeadLetterConfig: { Arn: dead } };
  await create("lost", "at(2026-01-01T12:00:00)", { Target, ActionAfterCompletion: "DELETE" });
  await aws().scheduler.fire(Date.parse("2026-01-01T12:00:00Z"));
  const [message, ...others] = await drain(own.sqs, `${queues}timers-dead`);
  expect(message?.body).toBe("x");
  expect(message?.attributes).toMatchObject({ ERROR_CODE: expect.stringMatching(/DoesNotExist/) as string });
  expect(others).toEqual([]);
  await closing();
});

test("schedules are created once, found, listed and deleted, in groups that are there", async () => {
  const { create, client, closing } = await prepared();
  for (const name of ["b1", "b2", "b3", "c1"]) await create(name, "rate(2 days)");
  await expect(create("b1", "rate(1 day)")).rejects.toBeInstanceOf(ConflictException);
  await expect(create("b1", "rate(1 day)", { GroupName: "nobodys" })).rejects.toBeInstanceOf(ResourceNotFoundException);
  await client.send(new CreateScheduleGroupCommand({ Name: "second" }));
  expect(await client.send(new GetScheduleGroupCommand({ Name: "second" }))).toMatchObject({ State: "ACTIVE" });
  await create("b1", "rate(1 day)", { GroupName: "second" });
  const listed = async (input: object) => {
    const { Schedules = [], NextToken } = await client.send(new ListSchedulesCommand(input));
    return [Schedules.map(({ Name }) => Name), NextToken];
  };
  expect(await listed({ NamePrefix: "b", GroupName: "default" })).toEqual([["b1", "b2", "b3"], undefined]);
  expect(await listed({ NamePrefix: "b", GroupName: "second" })).toEqual([["b1"], undefined]);
  const [names, NextToken] = await listed({ MaxResults: 2, GroupName: "default" });
  expect(names).toEqual(["b1", "b2"]);
  expect(await listed({ MaxResults: 2, GroupName: "default", NextToken })).toEqual([["b3", "c1"], undefined]);
  const again = client.send(new DeleteScheduleCommand({ Name: "b1", GroupName: "second" }));
  await again;
  await expect(client.send(new DeleteScheduleCommand({ Name: "b1", GroupName: "second" }))).rejects.toBeInstanceOf(
    ResourceNotFoundException,
  );
  await closing("b1", "b2", "b3", "c1");
});

test.each<readonly [string, Partial<CreateScheduleCommandInput>]>([
  ["at(2026-01-01)", {}],
  ["rate(1 hours)", {}],
  ["rate(5 minute)", {}],
  ["rate(0 minutes)", {}],
  ["cron(0 3 * * *)", {}],
  ["cron(0 3 * * * *)", {}],
  ["cron(0 3 ? * ? *)", {}],
  ["every day", {}],
  ["rate(1 day)", { Target: { Arn: "arn:aws:lambda:x", RoleArn: "arn:aws:iam::1:role/r" } }],
  ["rate(1 day)", { Target: { Arn: "arn:aws:sqs:eu-central-1:1:x.fifo", RoleArn: "arn:aws:iam::1:role/r" } }],
  ["rate(1 day)", { Name: "no name" }],
])("%s %o is refused", async (expression, more) => {
  const { create, closing } = await prepared();
  await expect(create("wrong", expression, more)).rejects.toBeInstanceOf(ValidationException);
  await closing();
});

test("it starts as often as asked, and stops more than once", async () => {
  const [one, two] = await Promise.all([1, 2].map(() => startScheduler({ sqs: aws().endpoint })));
  expect(one?.endpoint).not.toBe(two?.endpoint);
  await Promise.all([one?.stop(), one?.stop(), two?.stop()]);
  await one?.stop();
});
