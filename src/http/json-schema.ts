import type { Schema } from "../core/entity/schema.ts";
import type { Logger } from "../core/runtime/system.ts";

export type JsonSchema = { readonly [keyword: string]: unknown };

type Convert = (options: { readonly target: string }) => JsonSchema;

/** Where values are, not schemas: a `$ref` in there is data. */
const valueKeywords: ReadonlySet<string> = new Set(["const", "enum", "default", "examples", "example"]);

/**
 * The JSON Schema (draft 2020-12) of a command's input or an event's data, made to stand at `pointer` of a larger
 * document; `{}` and a warning where the schema's library cannot say. Source: https://standardschema.dev/json-schema
 */
export function jsonSchemaOf(
  schema: Schema,
  side: "input" | "output",
  place: { readonly pointer: string; readonly what: string; readonly log: Pick<Logger, "warn"> | undefined },
): JsonSchema {
  const { pointer, what, log } = place;
  // Standard JSON Schema is an extension that a library may or may not have.
  const standard: { readonly vendor: string; readonly jsonSchema?: { readonly [S in typeof side]?: Convert } } =
    schema["~standard"];
  const convert = standard.jsonSchema?.[side];
  if (typeof convert !== "function") {
    log?.warn({ what, vendor: standard.vendor }, "OpenAPI says nothing of it: its library has no Standard JSON Schema");
    return {};
  }
  try {
    const { $schema: _dialect, ...rest } = convert({ target: "draft-2020-12" });
    // What a rebased object is made of is what an object was made of.
    return rebase(rest, pointer) as JsonSchema;
  } catch (error) {
    log?.warn({ what, error }, "OpenAPI says nothing of it: it cannot be expressed as JSON Schema");
    return {};
  }
}

/** References from the root of the schema (`#/$defs/x`) now begin at `pointer`. */
function rebase(value: unknown, pointer: string): unknown {
  if (Array.isArray(value)) return value.map((item) => rebase(item, pointer));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      if (valueKeywords.has(key)) return [key, item];
      if (key === "$ref" && typeof item === "string" && item.startsWith("#")) return [key, pointer + item.slice(1)];
      return [key, rebase(item, pointer)];
    }),
  );
}
