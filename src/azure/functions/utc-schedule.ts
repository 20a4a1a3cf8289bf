import { cronFields } from "../../core/messaging/cron-fields.ts";

/** When clocks of a zone differ from UTC by how much. */
interface Clocks {
  /** Minutes ahead of UTC. */
  readonly offsets: readonly number[];
  /** When clocks change, minutes of a day in UTC: what is due at a time that does not exist is due then. */
  readonly changes: readonly number[];
}

const dayMs = 86_400_000;
const minuteMs = 60_000;
const dayMinutes = 1_440;

/** How far ahead clocks are looked at, days. Functions are registered anew at each start of a process. */
const daysAhead = 800;

/**
 * A cron expression as timers of the platform have it, with seconds and in UTC, which is all that they know: due whenever
 * a tick of the app's may be due, and at times when there is none.
 * Source: learn.microsoft.com/azure/azure-functions/functions-bindings-timer (NCRONTAB expressions; WEBSITE_TIME_ZONE is
 * not there on Flex Consumption)
 */
export function utcSchedule(cron: string, zone: string, now: number): string {
  const [minutes, hours, day, month, weekday] = cronFields(cron);
  const { offsets, changes } = clocksOf(zone, now);
  const steady = changes.length === 0 && offsets.every((offset) => offset === 0);
  // How the platform takes days of both kinds together is not documented; and in UTC it may be another day.
  const days = steady && (day === undefined || weekday === undefined) ? [day, month, weekday] : [];
  const dates = [0, 1, 2].map((i) => written(days[i])).join(" ");
  const local = (values: readonly number[] | undefined, count: number): readonly number[] =>
    values ?? Array.from({ length: count }, (_, i) => i);
  if (hours === undefined) {
    const every = local(minutes, 60).flatMap((minute) => offsets.map((offset) => mod(minute - offset, 60)));
    return `0 ${minutes === undefined ? "*" : written(sorted([...every, ...changes.map((at) => at % 60)]))} * ${dates}`;
  }
  const times = [
    ...changes,
    ...hours.flatMap((hour) =>
      local(minutes, 60).flatMap((minute) => offsets.map((offset) => mod(hour * 60 + minute - offset, dayMinutes))),
    ),
  ];
  const ofHour = sorted(times.map((at) => at % 60));
  return `0 ${ofHour.length === 60 ? "*" : written(ofHour)} ${written(sorted(times.map((at) => Math.floor(at / 60))))} ${dates}`;
}

function clocksOf(zone: string, now: number): Clocks {
  const format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
  const offsetAt = (time: number): number => {
    const name = format.formatToParts(time).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const [, sign, hours = "0", minutes = "0"] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
  };
  const offsets = new Set<number>();
  const changes = new Set<number>();
  const start = Math.floor(now / dayMs) * dayMs - dayMs;
  let before = offsetAt(start);
  offsets.add(before);
  for (let day = start; day < start + daysAhead * dayMs; day += dayMs) {
    const after = offsetAt(day + dayMs);
    if (after === before) continue;
    let [low, high] = [day, day + dayMs];
    while (high - low > minuteMs) {
      const middle = low + Math.floor((high - low) / (2 * minuteMs)) * minuteMs;
      if (offsetAt(middle) === before) low = middle;
      else high = middle;
    }
    changes.add((high % dayMs) / minuteMs);
    offsets.add((before = after));
  }
  return { offsets: [...offsets], changes: [...changes] };
}

function mod(value: number, by: number): number {
  return ((value % by) + by) % by;
}

function sorted(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)].toSorted((a, b) => a - b);
}

function written(numbers: readonly number[] | undefined): string {
  return numbers?.join(",") ?? "*";
}
