import { Cron } from "croner";
import { declarationError } from "../entity/names.ts";
import { isoTime } from "../runtime/system.ts";

/** When a cron timer is due, as epoch milliseconds. */
export interface Schedule {
  /** The first tick after that time. */
  next(after: number): number;
  /** The last tick at or before that time, if there was one after `since`. */
  latest(since: number, until: number): number | undefined;
}

/**
 * Five fields (minute, hour, day of month, month, day of week) in an IANA zone. Where clocks go forward, a time of day
 * that does not exist is the moment of the change; where they go back, a time of day that comes twice is its first.
 * Ticks that are given by intervals (`0,30 * * * *`) follow real time across both.
 * @throws HoldfastError `invalid-declaration` for an expression or a zone that is none, or that is never due
 */
export function createSchedule(what: string, cron: string, zone: string): Schedule {
  const job = parse(what, cron, zone);
  // Consumers ask far more often than it is due.
  let known = { after: Infinity, tick: -Infinity };
  const next = (after: number): number => {
    if (after >= known.after && after < known.tick) return known.tick;
    const tick = job.nextRun(isoTime(after))?.getTime();
    if (tick === undefined) throw declarationError(`${what} is never due: "${cron}".`);
    known = { after, tick };
    return tick;
  };
  return {
    next,
    latest(since, until) {
      const tick = job.previousRuns(1, isoTime(until + 1))[0]?.getTime();
      return tick !== undefined && tick > since ? tick : undefined;
    },
  };
}

function parse(what: string, cron: unknown, zone: unknown): Cron {
  try {
    // Refuses what Intl would take for this machine's own zone.
    if (typeof zone !== "string" || !/^[A-Za-z]/.test(zone)) throw new TypeError(`"${String(zone)}" is no zone`);
    void new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    throw declarationError(
      `The zone ${JSON.stringify(zone)} of ${what} is not known; use an IANA name such as "Europe/Vienna".`,
    );
  }
  try {
    if (typeof cron !== "string") throw new TypeError("it is no string");
    if (cron.trim().split(/\s+/).length !== 5) throw new TypeError("it does not have five");
    // What only this parser understands (`@daily`, `L`, `?` ...) the clouds would not.
    const plain = cron.replaceAll(
      /\b(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)\b/gi,
      "1",
    );
    if (!/^[\d\s*,/-]+$/.test(plain)) throw new TypeError("it has signs other than numbers, names, * , - and /");
    const job = new Cron(cron, { timezone: zone, mode: "5-part", paused: true });
    if (job.nextRun("2026-01-01T00:00:00Z") === null) throw new TypeError("it is never due");
    return job;
  } catch (cause) {
    const reason =
      cause instanceof Error ? cause.message.replace(/^CronPattern: /, "").replace(/\.+$/, "") : String(cause);
    throw declarationError(
      `The cron expression ${JSON.stringify(cron)} of ${what} is not valid: ${reason}. It has five fields (minute, hour, day, month, day of the week), e.g. "0 3 * * *".`,
    );
  }
}
