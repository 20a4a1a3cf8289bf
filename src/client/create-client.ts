import type { App } from "../core/app.ts";
import { createBudget } from "./budget.ts";
import { createEntityHandle } from "./entity-handle.ts";
import type { Platform } from "./platform.ts";
import type { Wire } from "./send.ts";
import type { CallOptions, Client, ClientOptions } from "./types.ts";

/** `client` on a given platform, so that tests own time and randomness. */
export function createClient<A extends App>(options: ClientOptions, platform: Platform): Client<A> {
  const wire: Wire = {
    platform,
    options,
    url: options.url.replace(/\/+$/, ""),
    budget: createBudget(options.retriesMax ?? 10),
    attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000,
  };
  const clock = { wrong: false };
  // The app is known by its type alone, so names are taken as they come; the types say which there are.
  return named({}, (entity) => (id: string, callOptions: CallOptions = {}) => {
    const { command, reads } = createEntityHandle(wire, clock, entity, id, callOptions);
    const commands = (prefix: string) => (name: string) => (input: unknown) => command(prefix + name, input);
    // No command can be called so: it stands before the signals of a workflow.
    const signals = named({}, commands("signals/"));
    return named(reads, (name) => (name === "signals" ? signals : commands("")(name)));
  }) as Client<A>;
}

/**
 * What an entity or a command can be called. Without `then`, so that a handle can be returned from an async function,
 * and without what JSON.stringify looks for; what all objects have (`toString`) stays what it is.
 */
const nameForm = /^(?!(?:then|toJSON)$)[a-z][a-z0-9-]*$/i;

function named(target: object, make: (name: string) => unknown): object {
  return new Proxy(target, {
    get: (target, name) =>
      name in target
        ? Reflect.get(target, name)
        : typeof name === "string" && nameForm.test(name)
          ? make(name)
          : undefined,
  });
}
