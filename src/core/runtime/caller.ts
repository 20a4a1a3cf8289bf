import type { Caller, EntityRef, EntitySpec, Principal } from "../entity/types.ts";
import { systemPrincipal } from "./authorize.ts";
import type { CommandRequest, Outcome } from "./requests.ts";

/** How a command made in process is sent. */
export interface CallOptions {
  readonly key?: string;
  readonly expectedVersion?: number | "existing";
  /** Default: the system of tenant `default`. */
  readonly principal?: Principal;
  /** Epoch milliseconds. */
  readonly deadline?: number;
}

/** The commands of an entity as functions; each call is one request to `execute`, its promise what `watch` makes of it. */
export function createCaller<S extends EntitySpec>(
  execute: (request: CommandRequest) => Promise<Outcome>,
  { name, definition }: EntityRef<S>,
  id: string,
  { principal = systemPrincipal, ...rest }: CallOptions = {},
  watch: <T>(call: Promise<T>) => Promise<T> = (call) => call,
): Caller<S> {
  // A proxy has the methods that its handler says it has: the entity's commands.
  return new Proxy({} as Caller<S>, {
    get(_, command) {
      if (typeof command !== "string" || !definition.commands.has(command)) return undefined;
      const call = async (input?: unknown) => {
        const outcome = await execute({ entity: name, id, command, input, principal, ...rest });
        if (outcome.ok) return outcome;
        const { status: _status, ...result } = outcome;
        return result;
      };
      return (input?: unknown) => watch(call(input));
    },
  });
}
