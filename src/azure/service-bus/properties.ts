import type { Publication } from "../../core/broker/bus.ts";
import type { Carriage } from "../../core/broker/carriage.ts";
import type { Scalar } from "../../core/messaging/filter.ts";

/** Names of application properties. Service Bus does not tell `sku` from `SKU`, so a field's name says its case in letters. */
export const propertyNames = {
  type: "type",
  shape: "shape",
  field: (name: string): string => `data_${name.replace(/[A-Z_]/g, (one) => `_${one.toLowerCase()}`)}`,
};

/** The shape of an event whose fields could not be read. */
export const unknownShape = "unknown";

/** Characters of a value. No rule has room for one that is as long, so what is behind it changes no answer. */
export const valueMax = 1_100;

/** What rules compare. With 8 fields of the longest values 10 KB; Service Bus allows 64. */
export function propertiesOf(
  { type, fields }: Pick<Publication, "type" | "fields">,
  { shape, numeric }: Carriage,
): { readonly [name: string]: string | number } {
  const properties: Record<string, string | number> = {
    [propertyNames.type]: type,
    [propertyNames.shape]: fields === undefined ? unknownShape : shape,
  };
  for (const [field, value] of fields ?? []) {
    const isNumber = typeof value === "number" && numeric.has(field);
    properties[propertyNames.field(field)] = isNumber ? value : cut(tagged(value), valueMax);
  }
  return properties;
}

/** A value as text that says its type. */
export function tagged(value: Scalar): string {
  if (typeof value === "string") return `s${plain(value)}`;
  return typeof value === "number" ? `n${String(value)}` : `b${String(value)}`;
}

/**
 * A text as `[a-z0-9.-]`, all else as `=` and two digits for each byte of its UTF-8. How a rule compares letters, accents or
 * spaces at the end is not documented: here nothing is left to compare in more than one way, to quote, or to escape.
 * Two texts stay different, and one that begins with another still does.
 */
export function plain(text: string): string {
  return text.replace(/[^a-z0-9.-]/gu, (character) => {
    return [...Buffer.from(character)].map((byte) => `=${byte.toString(16).padStart(2, "0")}`).join("");
  });
}

/** The beginning of a plain text, whole characters of three signs included. */
export function cut(text: string, max: number): string {
  return text.slice(0, max).replace(/=.?$/, "");
}
