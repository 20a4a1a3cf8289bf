/** What a field names, ascending; undefined: all that it can. */
type Numbers = readonly number[] | undefined;

/** The fields of a cron expression with the numbers that they can have, Sunday being 0, or 7. */
const fields = [
  { name: "minute", low: 0, high: 59, words: [] },
  { name: "hour", low: 0, high: 23, words: [] },
  { name: "day", low: 1, high: 31, words: [] },
  { name: "month", low: 1, high: 12, words: " JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ") },
  { name: "weekday", low: 0, high: 7, words: "SUN MON TUE WED THU FRI SAT".split(" ") },
] as const;

const weekdayField = 4;

/**
 * Minutes, hours, days, months (1 to 12) and weekdays (0 to 6, Sunday being 0) of a cron expression, which `createSchedule` has
 * let through.
 */
export function cronFields(cron: string): readonly [Numbers, Numbers, Numbers, Numbers, Numbers] {
  const parts = cron.trim().split(/\s+/);
  const of = (i: number): Numbers => numbersOf(parts[i] ?? "*", i);
  return [of(0), of(1), of(2), of(3), of(4)];
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
  const named = i === weekdayField ? [...numbers].map((n) => n % 7) : numbers;
  return [...new Set(named)].toSorted((a, b) => a - b);
}
