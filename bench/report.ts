import { holds, type Bound, type Row } from "./harness.ts";

const widths = { name: 46, value: 10, unit: 16, ratio: 7, against: 34, bound: 11 };

export function header(): string {
  return line("what", "value", "unit", "ratio", "against", "bound", "");
}

/** The row as a line of the table; the last word is `ok`, `BELOW` its floor or `ABOVE` its ceiling. */
export function format(row: Row): string {
  const { name, value, unit, ratio, against, bound } = row;
  return line(
    name,
    number(value),
    unit,
    ratio === null ? "" : ratio.toFixed(2),
    against ?? "",
    bound === null ? "" : boundText(bound),
    verdict(row),
  );
}

export function verdict(row: Row): "ok" | "BELOW" | "ABOVE" | "" {
  if (row.bound === null) return "";
  if (holds(row)) return "ok";
  return "floor" in row.bound ? "BELOW" : "ABOVE";
}

/** What `--json` writes. */
export function toJson(rows: readonly Row[]): string {
  const plain = rows.map(({ name, value, unit, ratio, against, bound }) => ({
    name,
    value,
    unit,
    ratio,
    against,
    bound,
  }));
  return `${JSON.stringify(plain, undefined, 2)}\n`;
}

function boundText(bound: Bound): string {
  return "floor" in bound ? `>= ${bound.floor}` : `<= ${bound.ceiling.toLocaleString("en")}`;
}

function number(value: number): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function line(
  name: string,
  value: string,
  unit: string,
  ratio: string,
  against: string,
  bound: string,
  last: string,
): string {
  const cells = [
    name.padEnd(widths.name),
    value.padStart(widths.value),
    unit.padEnd(widths.unit),
    ratio.padStart(widths.ratio),
    against.padEnd(widths.against),
    bound.padEnd(widths.bound),
    last,
  ];
  return cells.join(" ").trimEnd();
}
