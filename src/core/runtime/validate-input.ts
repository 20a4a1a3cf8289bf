import type { CommandDefinition, EntityDefinition } from "../entity/definition.ts";
import { validate } from "../entity/schema.ts";
import { internalError } from "../errors.ts";
import { freezePlain, type JsonValue } from "../json.ts";
import type { CommandItem } from "./requests.ts";

type Validated = CommandItem["validated"];

/**
 * What the command's schema makes of the input. Answers at once unless the schema is asynchronous. What it made is
 * frozen: it may be decided on more than once.
 * @throws HoldfastError `internal` for what the schema throws
 */
export function validateInput(
  definition: EntityDefinition,
  command: CommandDefinition,
  input: JsonValue | undefined,
): Validated | Promise<Validated> {
  if (command.input === undefined) return validateNoInput(input);
  const failed = (cause: unknown): never => {
    throw internalError(`the input schema of ${definition.name}.${command.name}`, cause);
  };
  try {
    const result = validate(command.input, input);
    return result instanceof Promise ? result.then(freezePlain, failed) : freezePlain(result);
  } catch (cause) {
    return failed(cause);
  }
}

function validateNoInput(input: JsonValue | undefined): Validated {
  // An empty object is what generic clients send where there is nothing to say.
  const empty = typeof input === "object" && input !== null && !Array.isArray(input) && Object.keys(input).length === 0;
  if (input === undefined || input === null || empty) return { value: undefined };
  return { issues: [{ message: "the command takes no input", path: [] }] };
}
