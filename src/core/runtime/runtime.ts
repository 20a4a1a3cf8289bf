import type { App } from "../entity/app.ts";
import type { CommandDefinition, EntityDefinition } from "../entity/definition.ts";
import { checkId, checkTenant } from "../entity/names.ts";
import { validate, validationError } from "../entity/schema.ts";
import type { Action, Caller, EntityRef, EntitySpec, Principal } from "../entity/types.ts";
import { HoldfastError, internalError, isHoldfastError } from "../errors.ts";
import { checkInput, freezePlain, jsonBytes, normalise, type JsonValue } from "../json.ts";
import { fingerprint, parseKey, type KeyOrigin } from "../journal/keys.ts";
import type { Journal, StreamId } from "../journal/port.ts";
import { settleGroup } from "./commit.ts";
import { eraseStream } from "./erase.ts";
import { readHistory, type HistoryPage } from "./history.ts";
import { checkedLimits, type Limits } from "./limits.ts";
import { streamKey, type Live } from "./live.ts";
import { createLru } from "./lru.ts";
import type { CommitPorts, Target } from "./ports.ts";
import type { CommandItem, CommandRequest, Item, Outcome, ViewRequest } from "./requests.ts";
import { deadlineError } from "./round.ts";
import { saveSnapshot } from "./snapshots.ts";
import { createSystem, type System } from "./system.ts";

export interface RuntimeOptions<Services> {
  readonly journal: Journal;
  /** What `prepare` and handlers get. */
  readonly services?: Services;
  /** Clock, randomness, ids, timers and logger. Default: this process's own, silent. */
  readonly system?: System;
  readonly limits?: Partial<Limits>;
}

/** How a command made in process is sent. */
export interface CallOptions {
  readonly key?: string;
  readonly expectedVersion?: number | "existing";
  /** Default: the system of tenant `default`. */
  readonly principal?: Principal;
  /** Epoch milliseconds. */
  readonly deadline?: number;
}

export interface Viewed {
  readonly view: JsonValue;
  readonly version: number;
}

/** A running app on one journal. Any number of them, in any number of processes, may share the journal. */
export interface Runtime {
  /**
   * Runs a command. The outcome is durable when the promise resolves; with a key it takes effect once.
   * @throws HoldfastError with a code of docs/errors.md
   */
  execute(request: CommandRequest): Promise<Outcome>;
  /** The entity's public view, as it is at a time after the call. */
  view(request: ViewRequest): Promise<Viewed>;
  /** Up to `limit` events after version `after`; only where the entity allows history. */
  history(request: ViewRequest & { readonly after: number; readonly limit: number }): Promise<HistoryPage>;
  /** The commands of an entity as functions: `await call(cart, "u1").addItem({ ... })`. */
  call<S extends EntitySpec>(entity: EntityRef<S>, id: string, options?: CallOptions): Caller<S>;
  /** Calls back after this instance has stored records of the stream. Returns the way to stop. */
  watch(stream: StreamId, listener: () => void): () => void;
  /**
   * Appends a tombstone and blanks all payloads of the stream; its id is never used again. For tools: `authorize` is
   * not asked, the principal is written down.
   */
  erase(request: ViewRequest): Promise<void>;
  /** Resolves if the journal answers. */
  ready(): Promise<void>;
  /** Refuses what is new, waits for what is under way. */
  close(): Promise<void>;
  /** Checks that the principal may do that; `system` may everything. @throws HoldfastError `unauthenticated`, `forbidden` */
  authorize(principal: Principal, entity: string, action: Action): Promise<void>;
  readonly app: App;
  readonly limits: Limits;
  readonly system: System;
}

export const systemPrincipal: Principal = { kind: "system", id: "system", tenant: "default", claims: {} };

interface Queue extends Target {
  readonly items: Item[];
}

export function createRuntime<Services>(app: App<unknown, Services>, options: RuntimeOptions<Services>): Runtime {
  const { journal, services } = options;
  const system = options.system ?? createSystem();
  const limits = checkedLimits(options.limits ?? {});
  const cache = createLru<Live>(limits.cacheEntitiesMax, limits.cacheBytesMax);
  const queues = new Map<string, Queue>();
  /** Queues that wait for their turn to begin. */
  const arrived: Queue[] = [];
  const watchers = new Map<string, Set<() => void>>();
  const background = new Set<Promise<unknown>>();
  const saving = new Set<string>();
  let underWay = 0;
  let closing: Promise<void> | undefined;
  let idle = (): void => {};

  const ports: CommitPorts = {
    journal,
    system,
    limits,
    cached(key) {
      const live = cache.get(key);
      if (live === undefined || system.now() - live.loadedAt < limits.cacheMs) return live;
      cache.delete(key);
      return undefined;
    },
    keep: (live) => cache.set(live.key, live, weightOf(live)),
    drop: (live) => cache.delete(live.key),
    stored(live) {
      const { key } = live;
      for (const listener of watchers.get(key) ?? []) listener();
      if (live.sequence < live.snapshotDue || live.erased || saving.has(key)) return;
      saving.add(key);
      runInBackground(saveSnapshot(journal, system, limits, live).finally(() => saving.delete(key)));
    },
    prepare: (live, item) => runInBackground(runPrepare(live, item)),
    conflict: (stream) => system.log.debug({ stream }, "another instance was faster; decided anew"),
  };

  function runInBackground(work: Promise<unknown>): void {
    const done = (): void => void background.delete(work);
    background.add(work);
    work.then(done, done);
  }

  async function runPrepare({ definition, stream }: Live, item: CommandItem): Promise<void> {
    try {
      item.prepared = { value: await prepareInTime(definition, stream, item) };
      enqueue(definition, stream, item);
    } catch (error) {
      item.reject(error);
    }
  }

  /** What takes longer than the command has is left alone: its result is not used any more. */
  function prepareInTime(definition: EntityDefinition, stream: StreamId, item: CommandItem): Promise<unknown> {
    const { command, principal, deadline, validated } = item;
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
        command.prepare?.((validated as { readonly value: unknown }).value, {
          id: stream.id,
          now,
          principal,
          services,
        });
      run().then((value) => {
        cancel();
        resolve(value);
      }, fail);
    });
  }

  function enqueue(definition: EntityDefinition, stream: StreamId, item: Item): void {
    const key = streamKey(stream);
    const queue = queues.get(key);
    if (queue === undefined) {
      const created: Queue = { definition, stream, key, items: [item] };
      queues.set(key, created);
      if (arrived.push(created) === 1) system.soon(drainArrived);
      return;
    }
    if (queue.items.length >= limits.requestsPerEntityMax) {
      throw overloaded(`${limits.requestsPerEntityMax} requests wait for ${definition.name} "${stream.id}" already`);
    }
    queue.items.push(item);
  }

  /** What arrived in one turn of the event loop begins together, so that a journal can store it together. */
  function drainArrived(): void {
    for (const queue of arrived.splice(0)) void drain(queue);
  }

  async function drain(queue: Queue): Promise<void> {
    while (queue.items.length > 0) {
      const group = queue.items.splice(0, limits.groupMax);
      try {
        await settleGroup(ports, queue, group);
      } catch (error) {
        // Settled items ignore this; those that are being prepared come back, or have come back already.
        for (const item of group) {
          const preparing = item.kind === "command" && item.prepared === "running";
          if (!preparing && !queue.items.includes(item)) item.reject(error);
        }
      }
    }
    queues.delete(queue.key);
  }

  function definitionOf(name: string): EntityDefinition {
    const definition = app.entities.get(name);
    if (definition === undefined) throw new HoldfastError("unknown-entity", `There is no entity "${name}".`);
    return definition;
  }

  function streamOf(definition: EntityDefinition, id: string, principal: Principal): StreamId {
    checkId(id);
    checkTenant(principal.tenant);
    return { tenant: principal.tenant, entity: definition.name, id };
  }

  async function authorize(principal: Principal, entity: string, action: Action): Promise<void> {
    const { authorize: ask } = definitionOf(entity);
    if (principal.kind === "system" || ask === undefined) return;
    try {
      const allowed = ask(principal, action);
      if ((typeof allowed === "boolean" ? allowed : await allowed) === true) return;
    } catch (cause) {
      throw isHoldfastError(cause) ? cause : internalError(`authorize of ${entity}`, cause);
    }
    if (principal.kind === "anonymous")
      throw new HoldfastError("unauthenticated", "This needs an authenticated caller.");
    throw new HoldfastError("forbidden", "The caller may not do this.");
  }

  /** Counts what is under way, refuses what is too much, and lets `close` wait for the rest. */
  async function admitted<T>(work: () => Promise<T>): Promise<T> {
    if (closing) throw overloaded("this instance is shutting down");
    if (underWay >= limits.requestsMax) throw overloaded(`${underWay} requests are under way already`);
    underWay++;
    try {
      return await work();
    } finally {
      underWay--;
      if (underWay === 0) idle();
    }
  }

  function read(definition: EntityDefinition, stream: StreamId): Promise<{ state: JsonValue; version: number }> {
    return new Promise((resolve, reject) => enqueue(definition, stream, { kind: "view", resolve, reject }));
  }

  function call<S extends EntitySpec>(entity: EntityRef<S>, id: string, options: CallOptions = {}): Caller<S> {
    const { principal = systemPrincipal, ...rest } = options;
    // A proxy has the methods that its handler says it has: the entity's commands.
    return new Proxy({} as Caller<S>, {
      get(_, command) {
        if (typeof command !== "string" || !entity.definition.commands.has(command)) return undefined;
        return async (input?: unknown) => {
          const outcome = await runtime.execute({ entity: entity.name, id, command, input, principal, ...rest });
          if (outcome.ok) return outcome;
          const { status: _status, ...result } = outcome;
          return result;
        };
      },
    });
  }

  const runtime: Runtime = {
    app,
    limits,
    system,
    authorize,
    call,
    execute: (request) =>
      admitted(async () => {
        const definition = definitionOf(request.entity);
        const command = commandOf(definition, request.command);
        const { principal } = request;
        if (definition.authorize && principal.kind !== "system") {
          await authorize(principal, definition.name, { kind: "command", command: command.name, id: request.id });
        }
        const stream = streamOf(definition, request.id, principal);
        const input = request.readInput ? await request.readInput() : request.input;
        const rawInput = input === undefined ? undefined : checkInput(input);
        const origin: KeyOrigin = request.keyOrigin ?? "foreign";
        const key = request.key === undefined ? undefined : parseKey(request.key, origin, system.now());
        const checked = validateInput(definition, command, rawInput);
        const validated = checked instanceof Promise ? await checked : checked;
        if (validated.issues && key === undefined) {
          throw validationError(`${definition.name}.${command.name}`, validated.issues);
        }
        // `await` here costs the command fewer turns than returning the promise would.
        return await new Promise<Outcome>((resolve, reject) =>
          enqueue(definition, stream, {
            kind: "command",
            command,
            rawInput,
            validated,
            key,
            fingerprint: key && fingerprint(command.name, rawInput),
            expectedVersion: request.expectedVersion,
            principal,
            deadline: request.deadline ?? Infinity,
            context: request.context ?? {},
            standing: undefined,
            prepared: undefined,
            resolve,
            reject,
          }),
        );
      }),
    view: ({ entity, id, principal }) =>
      admitted(async () => {
        const definition = definitionOf(entity);
        await authorize(principal, entity, { kind: "view", id });
        const stream = streamOf(definition, id, principal);
        if (definition.view === false) throw new HoldfastError("no-view", `Entity "${entity}" has no public view.`);
        const { state, version } = await read(definition, stream);
        try {
          return { view: normalise(definition.view(state, { id, version }), "the view"), version };
        } catch (cause) {
          throw internalError(`view of ${entity}`, cause);
        }
      }),
    history: ({ entity, id, principal, after, limit }) =>
      admitted(async () => {
        const definition = definitionOf(entity);
        await authorize(principal, entity, { kind: "history", id });
        if (!Number.isSafeInteger(after) || after < 0 || !Number.isInteger(limit) || limit < 1 || limit > 1_000) {
          throw new HoldfastError(
            "invalid-query",
            `after is from 0, limit from 1 to 1,000; not ${after} and ${limit}.`,
          );
        }
        const stream = streamOf(definition, id, principal);
        if (!definition.history) throw new HoldfastError("no-history", `Entity "${entity}" does not show its history.`);
        const { version } = await read(definition, stream);
        return readHistory(journal, definition, stream, { after, limit, version });
      }),
    watch(stream, listener) {
      const key = streamKey(stream);
      const listeners = watchers.get(key) ?? new Set();
      watchers.set(key, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && watchers.get(key) === listeners) watchers.delete(key);
      };
    },
    erase: ({ entity, id, principal }) =>
      admitted(() => eraseStream(ports, streamOf(definitionOf(entity), id, principal), principal.id)),
    async ready() {
      await journal.record({ tenant: "default", entity: "holdfast", id: "ready" }, 1);
    },
    close() {
      closing ??= (underWay === 0 ? Promise.resolve() : new Promise<void>((resolve) => void (idle = resolve))).then(
        async () => void (await Promise.all(background)),
      );
      return closing;
    },
  };
  return runtime;
}

function commandOf(definition: EntityDefinition, name: string): CommandDefinition {
  const command = definition.commands.get(name);
  if (command) return command;
  throw new HoldfastError("unknown-command", `Entity "${definition.name}" has no command "${name}".`);
}

/** Answers at once unless the schema is asynchronous. What it made is frozen: it may be decided on more than once. */
function validateInput(
  definition: EntityDefinition,
  command: CommandDefinition,
  input: JsonValue | undefined,
): CommandItem["validated"] | Promise<CommandItem["validated"]> {
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

function validateNoInput(input: JsonValue | undefined): CommandItem["validated"] {
  // An empty object is what generic clients send where there is nothing to say.
  const empty = typeof input === "object" && input !== null && !Array.isArray(input) && Object.keys(input).length === 0;
  if (input === undefined || input === null || empty) return { value: undefined };
  return { issues: [{ message: "the command takes no input", path: [] }] };
}

function overloaded(reason: string): HoldfastError {
  return new HoldfastError("overloaded", `Too busy: ${reason}.`, { retry: "later", retryAfterMs: 1_000 });
}

/** Estimated bytes of a cached entity: its state, its keys, and what every one costs. */
function weightOf(live: Live): number {
  return (
    jsonBytes(live.state) * 2 +
    live.timerBytes +
    live.keys.recent.size * 150 +
    (live.keys.older?.size ?? 0) * 100 +
    1_000
  );
}
