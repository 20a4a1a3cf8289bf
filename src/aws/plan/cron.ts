import { cronFields } from "../../core/messaging/cron-fields.ts";

/**
 * A cron expression of an app as EventBridge Scheduler has it: with a year, weekdays from 1, and a `?` for one of the two
 * kinds of days. Where both are given, a tick is due on either, which takes two expressions.
 *
 * What clocks that change do to a time of day differs between the two (EventBridge leaves a time out that does not
 * exist), so in a zone that may have such changes it fires each half hour too, and the receiver decides whether a
 * tick is due.
 * Source: docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
 */
export function scheduleExpressions(cron: string, zone: string): readonly string[] {
  const [minute, hour, day, month, weekday] = cronFields(cron);
  const isSteady = /^(?:Etc\/)?(?:UTC|GMT|UCT|Zulu|Universal|Greenwich)$/i.test(zone);
  const minutes =
    isSteady || minute === undefined ? minute : [...new Set([0, 30, ...minute])].toSorted((a, b) => a - b);
  const hours = isSteady ? hour : undefined;
  const weekdays = weekday?.map((n) => n + 1);
  const times = `${written(minutes)} ${written(hours)}`;
  const onDays = `cron(${times} ${written(day)} ${written(month)} ? *)`;
  const onWeekdays = `cron(${times} ? ${written(month)} ${written(weekdays)} *)`;
  if (weekdays === undefined) return [onDays];
  return day === undefined ? [onWeekdays] : [onDays, onWeekdays];
}

function written(numbers: readonly number[] | undefined): string {
  return numbers?.join(",") ?? "*";
}
