import { Cron } from "croner";

/** When a schedule fires: the first time at or after `from` (epoch milliseconds); undefined: never again. */
export type Times = (from: number) => number | undefined;

const unitMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

/**
 * Reads `at(yyyy-mm-ddThh:mm:ss)`, `rate(5 minutes)` and `cron(minute hour day month weekday year)`. A rate counts from
 * `start`. Of `L`, `W` and `#` in a cron expression: as croner has them.
 * Source: docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 * @throws Error for what is none of them
 */
export function timesOf(expression: string, zone: string, start: number): Times {
  const [, kind, text = ""] = /^(at|rate|cron)\((.*)\)$/.exec(expression) ?? [];
  if (kind === "at") return at(text, zone);
  if (kind === "rate") return rate(text, start);
  if (kind === "cron") return cron(text, zone);
  throw new Error(`Invalid Schedule Expression ${expression}.`);
}

function at(text: string, timezone: string): Times {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text)) throw new Error(`Invalid Schedule Expression at(${text}).`);
  const time = new Cron(text, { timezone }).nextRun(new Date(0))?.getTime();
  return (from) => (time !== undefined && time >= from ? time : undefined);
}

function rate(text: string, start: number): Times {
  const [, count = "", unit = "", plural] = /^([1-9]\d*) (minute|hour|day)(s?)$/.exec(text) ?? [];
  // AWS takes "1 minute" and "5 minutes", and nothing in between.
  if (unit === "" || (count === "1") === (plural === "s"))
    throw new Error(`Invalid Schedule Expression rate(${text}).`);
  const everyMs = Number(count) * unitMs[unit as keyof typeof unitMs];
  return (from) => start + Math.max(0, Math.ceil((from - start) / everyMs)) * everyMs;
}

function cron(text: string, timezone: string): Times {
  const fields = text.split(" ");
  const [, , day, , weekday] = fields;
  if (fields.length !== 6 || (day === "?") === (weekday === "?")) {
    throw new Error(
      `Invalid Schedule Expression cron(${text}): six fields, and a ? for either the day or the weekday.`,
    );
  }
  // On AWS weekdays begin with 1, a Sunday, and 0/30 is a step without an end.
  const pattern = ["0", ...fields.map((field) => (field === "?" ? "*" : field))].join(" ");
  const job = new Cron(pattern, { timezone, alternativeWeekdays: true, sloppyRanges: true });
  return (from) => job.nextRun(new Date(from - 1))?.getTime();
}
