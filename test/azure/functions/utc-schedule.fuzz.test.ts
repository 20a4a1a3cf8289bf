import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { firedTick } from "../../../src/azure/functions/tick.ts";
import { utcSchedule } from "../../../src/azure/functions/utc-schedule.ts";
import { createSchedule } from "../../../src/core/messaging/cron.ts";
import { runs } from "../../core/fuzz.ts";

const now = Date.UTC(2026, 10, 21);
const minute = 60_000;
const hour = 60 * minute;

test.each([
  ["0 3 * * *", "UTC", "0 0 3 * * *"],
  ["*/20 * * * *", "Etc/UTC", "0 0,20,40 * * * *"],
  ["30 9-17/4 * JAN,jul MON-FRI", "UTC", "0 30 9,13,17 * 1,7 1,2,3,4,5"],
  ["0 0 * * 7", "UTC", "0 0 0 * * 0"],
  ["0 0 1,15 * 5", "UTC", "0 0 0 * * *"],
  ["15 3 * * *", "Asia/Kolkata", "0 45 21 * * *"],
  ["15 3 * * *", "Europe/Vienna", "0 0,15 1,2 * * *"],
  ["* 3 * * *", "Europe/Vienna", "0 * 1,2 * * *"],
  ["5 * * * *", "Australia/Lord_Howe", "0 0,5,30,35 * * * *"],
  ["* * * * *", "America/New_York", "0 * * * * *"],
])("%s in %s is %s", (cron, zone, expected) => {
  expect(utcSchedule(cron, zone, now)).toBe(expected);
});

/** Whether a schedule of the platform fires in that minute. */
function fires(schedule: string, time: number): boolean {
  const [second, ...fields] = schedule.split(" ");
  const date = new Date(time);
  const values = [
    date.getUTCMinutes(),
    date.getUTCHours(),
    date.getUTCDate(),
    date.getUTCMonth() + 1,
    date.getUTCDay(),
  ];
  return second === "0" && fields.every((field, i) => field === "*" || field.split(",").includes(String(values[i])));
}

/** A field of numbers, lists, ranges and steps. */
function field(low: number, high: number): fc.Arbitrary<string> {
  const number = fc.integer({ min: low, max: high });
  const range = fc.tuple(number, number).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc
    .tuple(fc.oneof(range, fc.constant("*")), fc.integer({ min: 1, max: high }))
    .map((parts) => parts.join("/"));
  return fc.oneof(fc.constant("*"), number.map(String), range, step);
}

const zones = [
  "UTC",
  "Europe/Vienna",
  "America/New_York",
  "America/St_Johns",
  "Asia/Kolkata",
  "Asia/Kathmandu",
  "Pacific/Chatham",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "Pacific/Kiritimati",
  "America/Santiago",
];

describe("in any zone, over two years,", () => {
  const cron = fc
    .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7))
    .map((parts) => parts.join(" "));
  const start = fc.integer({ min: 0, max: 700 * 24 * 60 }).map((minutes) => now + minutes * minute);

  test("a timer fires at each tick, and a tick is found for no other", () => {
    fc.assert(
      fc.property(cron, fc.constantFrom(...zones), start, (cron, zone, from) => {
        const schedule = createSchedule("it", cron, zone);
        const platform = utcSchedule(cron, zone, now);
        for (let at = from, i = 0; i < 5; i++) {
          const tick = schedule.next(at);
          if (tick > now + 790 * 24 * hour) return;
          expect(fires(platform, tick), `${cron} ${zone}: ${platform} at ${new Date(tick).toISOString()}`).toBe(true);
          expect(firedTick({ schedule }, { isPastDue: false }, tick + 50)).toBe(tick);
          at = tick;
        }
      }),
      runs(300),
    );
  });

  test("clocks that change lose no tick", () => {
    // All of a year's changes, for times of day around them.
    for (const zone of zones) {
      for (const cron of ["0 0 * * *", "30 2 * * *", "15 1 * * *", "45 2 * * *", "30 3 * * *", "59 23 * * *"]) {
        const schedule = createSchedule("it", cron, zone);
        const platform = utcSchedule(cron, zone, now);
        for (let tick = schedule.next(now); tick < now + 380 * 24 * hour; tick = schedule.next(tick)) {
          expect(fires(platform, tick), `${cron} ${zone}: ${platform} at ${new Date(tick).toISOString()}`).toBe(true);
        }
      }
    }
  });
});

describe("a timer that fires", () => {
  const schedule = createSchedule("it", "0 3 * * *", "UTC");
  const three = Date.UTC(2026, 10, 21, 3);

  test.each([
    ["a little early", three - 1_000, {}, three],
    ["in time", three, {}, three],
    ["some minutes late", three + 4 * minute, { isPastDue: false }, three],
    ["when there is no tick", three + hour, {}, undefined],
    ["much too early", three - 10_000, {}, undefined],
    ["past due", three + 5 * hour, { isPastDue: true, scheduleStatus: { last: "2026-11-20T03:00:00Z" } }, three],
    [
      "past due, noted already",
      three + hour,
      { isPastDue: true, scheduleStatus: { last: "2026-11-21T03:00:00+00:00" } },
      three,
    ],
    [
      "past due, never before",
      three + hour,
      { isPastDue: true, scheduleStatus: { last: "0001-01-01T00:00:00+00:00" } },
      three,
    ],
    [
      "past due, by a clock that is ahead",
      three + hour,
      { isPastDue: true, scheduleStatus: { last: "2027-01-01T00:00:00Z" } },
      three,
    ],
    [
      "past due for a tick that was there",
      three + 5 * hour,
      { isPastDue: true, scheduleStatus: { last: "2026-11-21T07:00:00Z" } },
      undefined,
    ],
    ["past due, with nonsense", three + hour, { isPastDue: true, scheduleStatus: { last: "yesterday" } }, three],
  ])("%s finds its tick", (_when, at, fired, expected) => {
    expect(firedTick({ schedule }, fired, at)).toBe(expected);
  });
});
