import type { Reach, ReachFor } from "../dependency/reach.ts";
import { internalError, isHoldfastError } from "../errors.ts";
import { digest } from "../journal/keys.ts";
import type { Limits } from "./limits.ts";
import type { Target } from "./ports.ts";
import type { CommandItem } from "./requests.ts";
import { deadlineError } from "./round.ts";
import type { System } from "./system.ts";

interface PreparePorts {
  readonly system: System;
  readonly limits: Limits;
  readonly services: unknown;
  readonly reach: ReachFor;
}

/** Nobody's mistake, and the caller may know it. */
const outside: ReadonlySet<string> = new Set([
  "circuit-open",
  "deadline-exceeded",
  "dependency-failed",
  "dependency-timed-out",
]);

/**
 * What the command's `prepare` returns. What takes longer than the command has is left alone: its result is not used
 * any more.
 * @throws HoldfastError `deadline-exceeded`; `internal` for what `prepare` throws
 */
export function prepareInTime(
  { system, limits, services, reach }: PreparePorts,
  { definition, stream }: Pick<Target, "definition" | "stream">,
  { command, key, principal, deadline, context, validated }: CommandItem,
): Promise<unknown> {
  const now = system.now();
  const until = Math.min(now + limits.prepareMs, deadline);
  let asked = 0;
  const reachFor: Reach = (dependency, work, { key: own } = {}) => {
    // A command without a key is another one each time.
    const { tenant, entity, id } = stream;
    const parts = [tenant, entity, id, command.name, key?.hash ?? system.newId(), dependency.name, ++asked];
    return reach({ key: own ?? `hp1.${digest(parts.join("\0"))}`, deadline: until, context }, dependency, work);
  };
  return new Promise((resolve, reject) => {
    const cancel = system.after(Math.max(0, until - now), () => reject(deadlineError(command.name)));
    const fail = (cause: unknown): void => {
      cancel();
      const isOutside = isHoldfastError(cause) && outside.has(cause.code);
      reject(isOutside ? cause : internalError(`prepare of ${definition.name}.${command.name}`, cause));
    };
    const run = async (): Promise<unknown> =>
      // The declaration has tied the input's type to the schema that made the value.
      command.prepare?.((validated as { readonly value: unknown }).value, {
        id: stream.id,
        now,
        principal,
        services,
        reach: reachFor,
      });
    run().then((value) => {
      cancel();
      resolve(value);
    }, fail);
  });
}
