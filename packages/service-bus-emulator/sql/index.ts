import type { Content } from "../store/message.ts";
import type { Truth } from "./logic.ts";
import { parse } from "./parse.ts";
import { rowOf } from "./properties.ts";

/** Says of a message whether a filter holds: true, false or unknown (undefined). Only true selects it. */
export type SqlFilter = (content: Content) => Truth;

/**
 * Reads a Service Bus SQL filter.
 * @throws a refusal (`com.microsoft:argument-error`) when it is longer than 1,024 characters or not valid.
 */
export function compileSql(text: string): SqlFilter {
  const run = parse(text);
  return (content) => run(rowOf(content));
}

/** A text as a SQL string: in quotes, and its own quotes doubled. Any text may be given; none ends the string early. */
export function quoteSql(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name as a SQL identifier in brackets. An empty name is not one. */
export function quoteSqlName(name: string): string {
  return `[${name.replaceAll("]", "]]")}]`;
}
