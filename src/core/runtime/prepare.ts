import { internalError } from "../errors.ts";
import type { Limits } from "./limits.ts";
import type { Target } from "./ports.ts";
import type { CommandItem } from "./requests.ts";
import { deadlineError } from "./round.ts";
import type { System } from "./system.ts";

/**
 * What the command's `prepare` returns. What takes longer than the command has is left alone: its result is not used
 * any more.
 * @throws HoldfastError `deadline-exceeded`; `internal` for what `prepare` throws
 */
export function prepareInTime(
  { system, limits, services }: { readonly system: System; readonly limits: Limits; readonly services: unknown },
  { definition, stream }: Pick<Target, "definition" | "stream">,
  { command, principal, deadline, validated }: CommandItem,
): Promise<unknown> {
  const now = system.now();
  return new Promise((resolve, reject) => {
    const cancel = system.after(Math.max(0, Math.min(limits.prepareMs, deadline - now)), () =>
      reject(deadlineError(command.name)),
    );
    const fail = (cause: unknown): void => {
      cancel();
      reject(internalError(`prepare of ${definition.name}.${command.name}`, cause));
    };
    const run = async (): Promise<unknown> =>
      // The declaration has tied the input's type to the schema that made the value.
      command.prepare?.((validated as { readonly value: unknown }).value, { id: stream.id, now, principal, services });
    run().then((value) => {
      cancel();
      resolve(value);
    }, fail);
  });
}
