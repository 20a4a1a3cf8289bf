import { GetScheduleCommand, ListSchedulesCommand } from "@aws-sdk/client-scheduler";
import { expect, test } from "vitest";
import { parcelOf } from "../../../src/testing/conformance/bus-fixtures.ts";
import { deploy, smallApp, useAws } from "./fixtures.ts";

const aws = useAws();

test.each([
  ["2026-02-01T10:00:00.000Z", "at(2026-02-01T09:59:00)"],
  ["2026-02-01T10:00:59.999Z", "at(2026-02-01T09:59:00)"],
  ["2026-03-01T00:00:30.000Z", "at(2026-02-28T23:59:00)"],
  ["2026-01-01T00:15:00.001Z", "at(2026-01-01T00:14:00)"],
])("a timer of %s is a schedule that has fired by then, with its minute of grace", async (time, expression) => {
  const { bus, options, own, close } = await deploy(aws(), smallApp);
  const results = await bus.send("timers", [parcelOf(time, { notBefore: Date.parse(time) })]);
  expect(results).toEqual([undefined]);
  const { Schedules = [] } = await own.scheduler.send(new ListSchedulesCommand({ GroupName: "timers" }));
  expect(Schedules.length).toBe(1);
  const [Name = ""] = Schedules.map((schedule) => schedule.Name ?? "");
  expect(Name).toMatch(/^[\w-]{43}$/);
  const found = await own.scheduler.send(new GetScheduleCommand({ Name, GroupName: "timers" }));
  expect(found).toMatchObject({
    ScheduleExpression: expression,
    ScheduleExpressionTimezone: "UTC",
    FlexibleTimeWindow: { Mode: "OFF" },
    ActionAfterCompletion: "DELETE",
    Target: {
      Arn: options.schedules?.target,
      RoleArn: options.schedules?.role,
      DeadLetterConfig: { Arn: options.schedules?.dead },
      Input: JSON.stringify({ id: time }),
    },
  });
  await aws().scheduler.fire(Date.parse("2027-01-01T00:00:00Z"));
  expect(aws().scheduler.pending().size).toBe(0);
  close();
});
