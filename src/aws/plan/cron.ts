/** The fields of a cron expression with the numbers that they can have, Sunday being 0. */
const fields = [
  { name: "minute", low: 0, high: 59, words: [] },
  { name: "hour", low: 0, high: 23, words: [] },
  { name: "day", low: 1, high: 31, words: [] },
  { name: "month", low: 1, high: 12, words: " JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ") },
  { name: "weekday", low: 0, high: 7, words: "SUN MON TUE WED THU FRI SAT".split(" ") },
] as const;

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
  const [minute, hour, day, month, weekday] = cron
    .trim()
    .split(/\s+/)
    .map((text, i) => numbersOf(text, i));
  const isSteady = /^(?:Etc\/)?(?:UTC|GMT|UCT|Zulu|Universal|Greenwich)$/i.test(zone);
  const minutes =
    isSteady || minute === undefined ? minute : [...new Set([0, 30, ...minute])].toSorted((a, b) => a - b);
  const hours = isSteady ? hour : undefined;
  const weekdays = weekday && [...new Set(weekday.map((n) => (n % 7) + 1))].toSorted((a, b) => a - b);
  const times = `${written(minutes)} ${written(hours)}`;
  const onDays = `cron(${times} ${written(day)} ${written(month)} ? *)`;
  const onWeekdays = `cron(${times} ? ${written(month)} ${written(weekdays)} *)`;
  if (weekdays === undefined) return [onDays];
  return day === undefined ? [onWeekdays] : [onDays, onWeekdays];
}

/** The numbers that a field names; undefined: all of them. */
function numbersOf(text: string, i: number): readonly number[] | undefined {
  if (text === "*") return undefined;
  const { low, high, words } = fields[i] as (typeof fields)[number];
  const number = (word: string): number => {
    const place = (words as readonly string[]).indexOf(word.toUpperCase());
    return place >= 0 ? place : Number(word);
  };
  const numbers = new Set<number>();
  for (const part of text.split(",")) {
    const [range = "", step = "1"] = part.split("/");
    const [from = "", to = part.includes("/") ? String(high) : from] =
      range === "*" ? [String(low), String(high)] : range.split("-");
    for (let n = number(from); n <= number(to); n += Number(step)) numbers.add(n);
  }
  return [...numbers].toSorted((a, b) => a - b);
}

function written(numbers: readonly number[] | undefined): string {
  return numbers?.join(",") ?? "*";
}
