import type { Schema } from "../entity/schema.ts";

interface ObjectSchema {
  readonly type?: unknown;
  readonly properties?: object;
  readonly additionalProperties?: unknown;
}

/**
 * The names of the fields that data of that schema can have, where the schema's library can say so and there are no
 * others. Source: https://standardschema.dev/json-schema
 */
export function fieldsOf(schema: Schema): ReadonlySet<string> | undefined {
  // An extension that a library may or may not have.
  const standard: {
    readonly vendor: string;
    readonly jsonSchema?: { readonly output?: (options: { readonly target: string }) => ObjectSchema };
  } = schema["~standard"];
  try {
    const { type, properties, additionalProperties } = standard.jsonSchema?.output?.({ target: "draft-2020-12" }) ?? {};
    if (type !== "object" || properties === undefined || additionalProperties !== false) return undefined;
    return new Set(Object.keys(properties));
  } catch {
    // It cannot be expressed as JSON Schema: then nothing is known.
    return undefined;
  }
}
