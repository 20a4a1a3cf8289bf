import fc from "fast-check";
import { expect, test } from "vitest";
import { scheduleExpressions } from "../../../src/aws/plan/cron.ts";
import { createSchedule } from "../../../src/core/messaging/cron.ts";
import { runs } from "../../core/fuzz.ts";

test.each([
  ["0 3 * * *", "UTC", ["cron(0 3 * * ? *)"]],
  ["*/20 * * * *", "UTC", ["cron(0,20,40 * * * ? *)"]],
  ["30 9-17/4 * JAN,jul MON-FRI", "Etc/UTC", ["cron(30 9,13,17 ? 1,7 2,3,4,5,6 *)"]],
  ["0 0 1,15 * 5", "UTC", ["cron(0 0 1,15 * ? *)", "cron(0 0 ? * 6 *)"]],
  ["0 0 * * 7", "UTC", ["cron(0 0 ? * 1 *)"]],
  ["15 2 * * *", "Europe/Vienna", ["cron(0,15,30 * * * ? *)"]],
])("%s in %s fires by %j", (cron, zone, expected) => {
  expect(scheduleExpressions(cron, zone)).toEqual(expected);
});

/** Whether an expression of EventBridge fires in that minute of UTC, as its documentation says. */
function fires(expression: string, time: number): boolean {
  const [minute, hour, day, month, weekday] = /^cron\((.+)\)$/.exec(expression)?.[1]?.split(" ") ?? [];
  const date = new Date(time);
  const isIn = (field: string | undefined, value: number): boolean =>
    field === "*" || field === "?" || Boolean(field?.split(",").includes(String(value)));
  return (
    isIn(minute, date.getUTCMinutes()) &&
    isIn(hour, date.getUTCHours()) &&
    isIn(day, date.getUTCDate()) &&
    isIn(month, date.getUTCMonth() + 1) &&
    isIn(weekday, date.getUTCDay() + 1)
  );
}

/** A field of numbers, lists, ranges and steps. */
function field(low: number, high: number): fc.Arbitrary<string> {
  const number = fc.integer({ min: low, max: high });
  const range = fc.tuple(number, number).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc
    .tuple(fc.oneof(range, fc.constant("*")), fc.integer({ min: 1, max: high }))
    .map((parts) => parts.join("/"));
  const one = fc.oneof(number.map(String), range, step);
  return fc.oneof(
    fc.constant("*"),
    one,
    fc.array(one, { minLength: 2, maxLength: 3 }).map((parts) => parts.join(",")),
  );
}

test("an expression fires when the app's schedule is due, in UTC", () => {
  const cron = fc
    .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7))
    .map((parts) => parts.join(" "));
  fc.assert(
    fc.property(cron, fc.integer({ min: 0, max: 10_000_000 }), (cron, minutes) => {
      const time = Date.UTC(2026, 0, 1) + minutes * 60_000;
      const schedule = createSchedule("it", cron, "UTC");
      const expressions = scheduleExpressions(cron, "UTC");
      const next = schedule.next(time);
      for (const at of [time, next, next + 60_000, next - 60_000]) {
        const isDue = schedule.latest(at - 60_000, at) === at;
        expect(
          expressions.some((expression) => fires(expression, at)),
          `${cron} at ${new Date(at).toISOString()}`,
        ).toBe(isDue);
      }
    }),
    runs(200),
  );
});
