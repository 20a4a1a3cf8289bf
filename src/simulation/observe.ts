import type { App } from "../core/app.ts";
import { isHoldfastError } from "../core/errors.ts";
import type { EntityRef, EntitySpec } from "../core/entity/types.ts";
import type { HandlerContext } from "../core/messaging/types.ts";
import type { Journal } from "../core/journal/port.ts";
import { createCaller } from "../core/runtime/caller.ts";
import { streamKey } from "../core/runtime/live.ts";
import type { Runtime } from "../core/runtime/runtime.ts";
import type { Fates } from "./faults.ts";
import { seenOf, type Answer, type Handled, type History, type Operation } from "./history.ts";
import type { Instance } from "./instance.ts";
import { createMade, retryOf } from "./made.ts";

/** Notes every request that comes to an instance, and what it answers, however it came: from outside or from a handler. */
export function observeRuntime(runtime: Runtime, instance: Instance, history: History): Runtime {
  async function observed<T>(
    about: Pick<Operation, "kind" | "entity" | "id" | "request"> & { readonly tenant: string },
    work: () => Promise<T>,
    answerOf: (result: T) => Answer,
  ): Promise<T> {
    const { tenant, ...rest } = about;
    const operation: Operation = {
      ...rest,
      stream: streamKey({ tenant, entity: about.entity, id: about.id }),
      instance: instance.name,
      time: instance.system.now(),
      invoked: history.next(),
      answered: Infinity,
      told: Infinity,
      answer: undefined,
    };
    history.operations.push(operation);
    const end = (answer: Answer): void => {
      operation.answered = history.next();
      operation.told = instance.system.now();
      operation.answer = answer;
    };
    try {
      const result = await work();
      end(answerOf(result));
      return result;
    } catch (error) {
      const { code, retry } = isHoldfastError(error) ? error : { code: "unknown", retry: "later" };
      end({ kind: "error", code, later: retry === "later", reason: reasonOf(error) });
      throw error;
    }
  }

  const execute: Runtime["execute"] = (request) => {
    const { entity, id, principal } = request;
    return observed(
      { kind: "command", entity, id, tenant: principal.tenant, request },
      () => runtime.execute(request),
      (outcome) => ({ kind: "outcome", outcome }),
    );
  };
  return {
    ...runtime,
    execute,
    view: (request) =>
      observed(
        { kind: "view", entity: request.entity, id: request.id, tenant: request.principal.tenant },
        () => runtime.view(request),
        ({ view, version }) => ({ kind: "view", view, version }),
      ),
    erase: (request) =>
      observed(
        { kind: "erase", entity: request.entity, id: request.id, tenant: request.principal.tenant },
        () => runtime.erase(request),
        () => ({ kind: "erased" }),
      ),
    call: (entity, id, options) => createCaller(execute, entity, id, options),
  };
}

/** Notes the snapshots that are stored. */
export function observeJournal(journal: Journal, history: History): Journal {
  return {
    ...journal,
    async saveSnapshot(stream, snapshot, keys) {
      await journal.saveSnapshot(stream, snapshot, keys);
      const { sequence, revision } = snapshot;
      history.snapshots.push({ stream: streamKey(stream), sequence, revision });
    },
  };
}

/** The app, with handlers that are observed and that fail as it pleases the fates. */
export function observeHandlers<App_ extends App>(
  app: App_,
  instance: Instance,
  {
    history,
    fates,
    poisoned,
    note,
  }: {
    readonly history: History;
    readonly fates: Fates;
    readonly poisoned: Map<string, boolean>;
    note(who: string, what: string): void;
  },
): App_ {
  async function run(
    about: Pick<Handled, "handler" | "cause" | "stream" | "version" | "seen">,
    { tenant, maxAttempts }: { readonly tenant: string; readonly maxAttempts: number },
    context: HandlerContext<unknown>,
    work: (context: HandlerContext<unknown>) => unknown,
  ): Promise<void> {
    const calls = new Map<string, number>();
    const made = createMade();
    const handled: Handled = {
      ...about,
      instance: instance.name,
      attempt: context.attempt,
      began: history.next(),
      time: instance.system.now(),
      calls,
      result: "open",
      retry: undefined,
      givenUp: false,
      ended: Infinity,
    };
    history.handled.push(handled);
    const end = (result: Handled["result"]): void => {
      const of = about.stream === undefined ? about.cause : `event ${about.version} of ${about.stream}`;
      note(instance.name, `${about.handler} ${of}: ${result}`);
      handled.result = result;
      handled.ended = history.next();
    };
    const { call: callAs } = context;
    const call = <S extends EntitySpec>(entity: EntityRef<S>, id: string, options?: { readonly key?: string }) => {
      const caller = callAs(entity, id, options);
      if (options?.key !== undefined) history.givenKeys.add(options.key);
      return new Proxy(caller, {
        get(target, command, receiver) {
          const method: unknown = Reflect.get(target, command, receiver);
          if (typeof method !== "function") return method;
          const what = `${streamKey({ tenant, entity: entity.name, id })} ${String(command)}`;
          return (input?: unknown) => {
            calls.set(what, (calls.get(what) ?? 0) + 1);
            // A caller's methods take an input and answer a promise.
            return made.add((method as (input?: unknown) => Promise<unknown>)(input));
          };
        },
      });
    };
    // Each run has a context of its own.
    const own = Object.assign(context, { call });
    const site = fates.site(`${instance.name}.${about.handler}`);
    const fails = site.pick(["fail"]) !== undefined;
    const early = site.random() < 0.5;
    try {
      if (isPoison(`${about.handler} ${about.cause}`)) throw new Error(poisonText);
      if (fails && early) throw new Error("The handler fails before its work.");
      await work(own);
      if (fails) throw new Error("The handler fails after its work.");
      await made.settled();
      end("done");
    } catch (error) {
      handled.retry = made.isOpen() ? "later" : retryOf(error);
      handled.givenUp = handled.retry === "never" || (handled.retry === "reload" && context.attempt >= maxAttempts);
      end("failed");
      throw error;
    }
  }

  function isPoison(what: string): boolean {
    let poison = poisoned.get(what);
    if (poison === undefined) {
      poison = fates.site(`poison/${encodeURIComponent(what)}`).pick(["poison"]) !== undefined;
      poisoned.set(what, poison);
    }
    return poison;
  }

  const wrapped = <D>(definitions: ReadonlyMap<string, D>, wrap: (definition: D) => D): ReadonlyMap<string, D> =>
    new Map([...definitions].map(([name, definition]) => [name, wrap(definition)]));
  return {
    ...app,
    subscriptions: wrapped(app.subscriptions, (definition) => ({
      ...definition,
      handle: (event, context, runtime, below) => {
        const { id, type, subject, tenant, version } = event;
        const stream = streamKey({ tenant, entity: type.slice(0, type.indexOf(".")), id: subject });
        const about = { handler: `subscription:${definition.name}`, cause: id, stream, version, seen: seenOf(event) };
        return run(about, { ...definition.policy, tenant }, context, (own) =>
          definition.handle(event, own, runtime, below),
        );
      },
    })),
    workers: wrapped(app.workers, (definition) => ({
      ...definition,
      handle: (input, context) => {
        const { message } = context;
        const about = { handler: `worker:${definition.name}`, cause: message.id };
        return run(about, { ...definition.policy, tenant: definition.tenant }, context, (own) =>
          definition.handle(input, Object.assign(own, { message })),
        );
      },
    })),
    timers: wrapped(app.timers, (definition) => ({
      ...definition,
      handle: (context) => {
        const { tick } = context;
        const about = { handler: `timer:${definition.name}`, cause: String(tick) };
        return run(about, { ...definition.policy, tenant: definition.tenant }, context, (own) =>
          definition.handle(Object.assign(own, { tick })),
        );
      },
    })),
  };
}

export const poisonText = "This message is poison.";

/** An error's own words, and those of what caused it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
