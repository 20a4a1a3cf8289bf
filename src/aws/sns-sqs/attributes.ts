import type { MessageAttributeValue } from "@aws-sdk/client-sns";
import type { Publication } from "../../core/broker/bus.ts";
import type { Scalar } from "../../core/messaging/filter.ts";
import type { Carriage } from "../../core/broker/carriage.ts";

/** Names of attributes. A field's is prefixed: it may be called `type`, or `prefix`, which is a word of filter policies. */
export const attributeNames = {
  type: "type",
  shape: "shape",
  field: (name: string): string => `data-${name}`,
};

/** The shape of an event whose fields could not be read. */
export const unknownShape = "unknown";

/** Filters hold at most 1,024 characters, so what is behind this can change no answer. */
const textMax = 1_100;

/**
 * What filter policies compare: at most 10 attributes, since SNS discards a message with more where delivery is raw.
 * With 8 fields of the longest values 54 KB.
 */
export function attributesOf(
  { type, fields }: Pick<Publication, "type" | "fields">,
  { shape, numeric }: Carriage,
): { readonly [name: string]: MessageAttributeValue } {
  const attributes: Record<string, MessageAttributeValue> = {
    [attributeNames.type]: text(type),
    [attributeNames.shape]: text(fields === undefined ? unknownShape : shape),
  };
  for (const [field, value] of fields ?? []) {
    const isNumber = typeof value === "number" && numeric.has(field);
    // Within five decimals and 10^9 a number's text has no exponent.
    attributes[attributeNames.field(field)] = isNumber
      ? { DataType: "Number", StringValue: String(value) }
      : text(tagged(value));
  }
  return attributes;
}

function text(value: string): MessageAttributeValue {
  return { DataType: "String", StringValue: value };
}

/** A value as text that says its type, and is never empty. */
export function tagged(value: Scalar): string {
  if (typeof value === "string") return `s${sendable(value)}`;
  return typeof value === "number" ? `n${String(value)}` : `b${String(value)}`;
}

/**
 * A text that SNS and SQS take, cut to its first 1,100 characters. What they refuse is escaped, and so is the escape:
 * two texts stay different, and one that begins with another still does.
 * Source: SendMessage of the SQS API reference, "Valid unicode characters".
 */
export function sendable(value: string): string {
  const end = value.length > textMax && isHighSurrogate(value.charCodeAt(textMax - 1)) ? textMax - 1 : textMax;
  return value
    .slice(0, end)
    .replace(/[\\\p{Cc}\p{Cs}\ufffe\uffff]/gu, (character) => (character === "\\" ? "\\\\" : escaped(character)));
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/** JSON text without the two characters that SNS and SQS refuse in a body and JSON allows. */
export function sendableJson(json: string): string {
  return json.replace(/[\ufffe\uffff]/g, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
