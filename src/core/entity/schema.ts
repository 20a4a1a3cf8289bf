import type { StandardSchemaV1 } from "@standard-schema/spec";
import { HoldfastError } from "../errors.ts";

/** Any library that implements Standard Schema: zod, valibot, arktype ... Source: https://standardschema.dev */
export type Schema<Input = unknown, Output = Input> = StandardSchemaV1<Input, Output>;
export type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>;
export type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>;

export interface Issue {
  readonly message: string;
  /** Property names and indices from the root. */
  readonly path: readonly (string | number)[];
}

export type Validated =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

export function isSchema(value: unknown): value is Schema {
  return value !== null && (typeof value === "object" || typeof value === "function") && "~standard" in value;
}

/** Runs a schema; the answer is a promise only if the schema's own answer is one. */
export function validate(schema: Schema, value: unknown): Validated | Promise<Validated> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(toValidated) : toValidated(result);
}

function toValidated(result: StandardSchemaV1.Result<unknown>): Validated {
  if (!result.issues) return { value: result.value };
  return {
    issues: result.issues.map(({ message, path = [] }) => ({
      message,
      path: path.map((segment) => {
        const key = typeof segment === "object" ? segment.key : segment;
        return typeof key === "symbol" ? String(key) : key;
      }),
    })),
  };
}

/** The 422 of an input that its schema refuses, with the paths. */
export function validationError(command: string, issues: readonly Issue[]): HoldfastError {
  const [first] = issues;
  const where = first?.path.length ? ` at ${first.path.join(".")}` : "";
  return new HoldfastError("validation-failed", `The input of ${command} is not valid${where}: ${first?.message}`, {
    details: issues,
  });
}
