/** Filters as docs/guide/messages.md and design.md, section 4, describe them; written without a look at the code. */

type Fields = Readonly<Record<string, unknown>>;

const decimals = (number: number): string => {
  const text = String(number);
  return text.includes("e-") ? number.toFixed(20).replace(/0+$/, "") : text;
};

/** Numbers that every broker compares exactly. */
export function fits(value: unknown): boolean {
  if (typeof value !== "number") return false;
  return Math.abs(value) <= 1e9 && /^-?\d+(\.\d{1,5})?$/.test(decimals(value));
}

const isScalar = (value: unknown): boolean =>
  (typeof value === "string" && value.isWellFormed()) || typeof value === "boolean" || fits(value);

/** A hole in a list counts. */
const listed = (value: unknown): readonly unknown[] => (Array.isArray(value) ? Array.from<unknown>(value) : [value]);

const isPlain = (value: unknown): value is Fields =>
  Object.prototype.toString.call(value) === "[object Object]" &&
  [null, Object.prototype].includes(Object.getPrototypeOf(value) as null);

/** How many values brokers have to compare, or nothing where the condition is none. */
function valuesOf(condition: unknown): number | undefined {
  const distinct = (value: unknown): number | undefined => {
    const values = listed(value);
    return values.length > 0 && values.every(isScalar) ? new Set(values).size : undefined;
  };
  if (typeof condition !== "object" || Array.isArray(condition)) return distinct(condition);
  if (condition === null) return undefined;
  const keys = Object.keys(condition).toSorted().join(",");
  const { not, prefix, exists, gt, gte, lt, lte } = condition as Fields;
  switch (keys) {
    case "not":
      return distinct(not);
    case "exists":
      return typeof exists === "boolean" ? 1 : undefined;
    case "prefix":
      return listed(prefix).every((text) => typeof text === "string" && text !== "") ? distinct(prefix) : undefined;
    case "gt":
    case "gte":
    case "lt":
    case "lte":
      return fits((condition as Fields)[keys]) ? 1 : undefined;
    case "gt,lt":
    case "gt,lte":
    case "gte,lt":
    case "gte,lte": {
      const [low, high] = [gt ?? gte, lt ?? lte] as [number, number];
      const isOpen = keys !== "gte,lte";
      return fits(low) && fits(high) && (isOpen ? low < high : low <= high) ? 1 : undefined;
    }
    default:
      return undefined;
  }
}

/** Whether it may be declared; how long it would be as a rule is not looked at. */
export function isAllowed(where: unknown): boolean {
  if (!isPlain(where)) return false;
  const fields = Object.keys(where);
  if (fields.length > 4 || !fields.every((field) => /^[a-zA-Z]\w{0,39}$/.test(field))) return false;
  const counts = fields.map((field) => valuesOf(where[field]));
  return counts.every((count) => count !== undefined) && counts.reduce((a, b) => a * (b ?? 0), 1) <= 150;
}

/** Whether an event with that data passes. */
export function passes(where: Fields, data: unknown): boolean {
  return Object.keys(where).every((field) => {
    const has = typeof data === "object" && data !== null && Object.keys(data).includes(field);
    const raw = has ? (data as Fields)[field] : undefined;
    const there = typeof raw === "string" || typeof raw === "boolean" || fits(raw);
    const condition = where[field];
    const { exists, not, prefix, gt, gte, lt, lte } = Object(condition) as Readonly<Record<string, never>>;
    const same = (one: unknown): boolean => one === raw;
    if (exists !== undefined) return exists === there;
    if (!there) return false;
    if (not !== undefined) return !listed(not).some(same);
    if (prefix !== undefined) {
      return typeof raw === "string" && listed(prefix).some((p) => raw.slice(0, (p as string).length) === p);
    }
    if ([gt, gte, lt, lte].every((bound) => bound === undefined)) return listed(condition).some(same);
    if (typeof raw !== "number") return false;
    const within = [gt === undefined || raw > gt, gte === undefined || raw >= gte];
    return [...within, lt === undefined || raw < lt, lte === undefined || raw <= lte].every(Boolean);
  });
}
