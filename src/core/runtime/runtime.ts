import type { App } from "../app.ts";
import type { CommandDefinition, EntityDefinition } from "../entity/definition.ts";
import { checkId, checkTenant } from "../entity/names.ts";
import { validationError } from "../entity/schema.ts";
import type { Action, Caller, EntityRef, EntitySpec, Principal } from "../entity/types.ts";
import { HoldfastError, internalError } from "../errors.ts";
import { checkInput, normalise, type JsonValue } from "../json.ts";
import type { PendingTimer } from "../journal/format.ts";
import { fingerprint, parseKey } from "../journal/keys.ts";
import type { Journal, StreamId } from "../journal/port.ts";
import type { Dependency } from "../dependency/declare.ts";
import type { Connection, ReachFor } from "../dependency/reach.ts";
import { createAdmission } from "./admission.ts";
import { checkAllowed } from "./authorize.ts";
import { createBacklog } from "./backlog.ts";
import { createCache } from "./cache.ts";
import { createCaller, type CallOptions } from "./caller.ts";
import { settleGroup } from "./commit.ts";
import { eraseStream } from "./erase.ts";
import { checkRange, readHistory, type HistoryPage } from "./history.ts";
import { checkedLimits, type Limits } from "./limits.ts";
import type { Live } from "./live.ts";
import type { CommitPorts } from "./ports.ts";
import { prepareInTime } from "./prepare.ts";
import { createQueues } from "./queues.ts";
import type { CommandItem, CommandRequest, Outcome, Read, ViewRequest } from "./requests.ts";
import { saveSnapshot } from "./snapshots.ts";
import { createSystem, type System } from "./system.ts";
import { below, resultOf, resultOfError, traceField, type CommandSpan, type Telemetry } from "./telemetry.ts";
import { validateInput } from "./validate-input.ts";
import { createWatchers } from "./watchers.ts";

export { systemPrincipal } from "./authorize.ts";
export type { CallOptions } from "./caller.ts";

export interface RuntimeOptions<Services> {
  readonly journal: Journal;
  /** What `prepare` and handlers get. */
  readonly services?: Services;
  /** Clock, randomness, ids, timers and logger. Default: this process's own, silent. */
  readonly system?: System;
  readonly limits?: Partial<Limits>;
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
  /** The named timer of an entity, if it is pending: for what fires timers. */
  timer(request: ViewRequest, name: string): Promise<PendingTimer | undefined>;
  /** Asks something outside on somebody's behalf: handlers, steps and `prepare` have it as their own `reach`. */
  readonly reach: ReachFor;
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

export function createRuntime<Services>(app: App<unknown, Services>, options: RuntimeOptions<Services>): Runtime {
  const { journal, services } = options;
  const system = options.system ?? createSystem();
  const { telemetry } = system;
  const limits = checkedLimits(options.limits ?? {});
  const { admit, close } = createAdmission(limits.requestsMax);
  const backlog = createBacklog(system, limits);
  const { watch, notify } = createWatchers();
  const connections = new WeakMap<Dependency, Connection>();
  const background = new Set<Promise<unknown>>();
  const saving = new Set<string>();

  const ports: CommitPorts = {
    journal,
    system,
    limits,
    backlog,
    ...createCache(system, limits),
    stored(live) {
      const { key } = live;
      notify(key);
      if (live.sequence < live.snapshotDue || live.erased || saving.has(key)) return;
      saving.add(key);
      runInBackground(saveSnapshot(journal, system, limits, live).finally(() => saving.delete(key)));
    },
    prepare: (live, item) => runInBackground(prepare(live, item)),
    conflict(stream) {
      telemetry?.conflict(stream.entity);
      system.log.debug({ stream }, "another instance was faster; decided anew");
    },
  };
  const enqueue = createQueues(system, limits, backlog, (target, group) => settleGroup(ports, target, group));

  function runInBackground(work: Promise<unknown>): void {
    const done = (): void => void background.delete(work);
    background.add(work);
    work.then(done, done);
  }

  async function prepare(live: Live, item: CommandItem): Promise<void> {
    try {
      const work = (): Promise<unknown> => prepareInTime({ system, limits, services, reach }, live, item);
      item.prepared = { value: await (item.span ? item.span.within(work) : work()) };
      enqueue(live.definition, live.stream, item);
    } catch (error) {
      item.reject(error);
    }
  }

  const reach: ReachFor = (behalf, dependency, work) => {
    let connection = connections.get(dependency);
    if (connection === undefined) connections.set(dependency, (connection = dependency.connect(system)));
    return connection(behalf, work);
  };

  function definitionOf(name: string): EntityDefinition {
    const definition = app.entities.get(name);
    if (definition === undefined) throw new HoldfastError("unknown-entity", `There is no entity "${name}".`);
    return definition;
  }

  function read(definition: EntityDefinition, stream: StreamId): Promise<Read> {
    return new Promise((resolve, reject) => enqueue(definition, stream, { kind: "view", resolve, reject }));
  }

  const run = (request: CommandRequest, span: CommandSpan | undefined): Promise<Outcome> =>
    admit(async () => {
      const definition = definitionOf(request.entity);
      const command = commandOf(definition, request.command, request.principal);
      const { principal } = request;
      // Here as well as at the queue: refusing is cheap before anything was read.
      if (principal.kind !== "system") backlog.check(0);
      // Only where there is somebody to ask: each `await` costs the command a turn.
      if (definition.authorize && principal.kind !== "system") {
        await checkAllowed(definition, principal, { kind: "command", command: command.name, id: request.id });
      }
      const stream = streamOf(definition, request.id, principal);
      const input = request.readInput ? await request.readInput() : request.input;
      const rawInput = input === undefined ? undefined : checkInput(input);
      const key =
        request.key === undefined ? undefined : parseKey(request.key, request.keyOrigin ?? "foreign", system.now());
      const checked = validateInput(definition, command, rawInput);
      const validated = checked instanceof Promise ? await checked : checked;
      if (validated.issues && key === undefined) {
        throw validationError(`${definition.name}.${command.name}`, validated.issues);
      }
      // `await` here costs the command fewer turns than returning the promise would.
      return await new Promise<Outcome>((settle, reject) => {
        const resolve = definition.machine ? saying(definition.name, request, settle) : settle;
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
          timer: request.timer,
          span,
          standing: undefined,
          prepared: undefined,
          resolve,
          reject,
        });
      });
    });

  /** What a state machine refuses is a line in the log: somebody believes it to be where it is not. */
  function saying(
    entity: string,
    { id, command, context: { correlation, trace } = {} }: CommandRequest,
    settle: (outcome: Outcome) => void,
  ): (outcome: Outcome) => void {
    return (outcome) => {
      if (!outcome.ok && !outcome.replayed) {
        const { code } = outcome;
        system.log.info({ entity, id, command, code, correlation, ...traceField(trace) }, outcome.message);
      }
      settle(outcome);
    };
  }

  async function observe(telemetry: Telemetry, request: CommandRequest): Promise<Outcome> {
    const { entity, command, principal, context = {} } = request;
    // A name that nobody has declared is no attribute: of those there is no end.
    if (!app.entities.get(entity)?.commands.has(command)) return run(request, undefined);
    const span = telemetry.command({ entity, command, tenant: principal.tenant, context });
    try {
      const outcome = await span.within(() => run({ ...request, context: below(context, span) }, span));
      span.end(resultOf(outcome));
      return outcome;
    } catch (error) {
      span.end(resultOfError(error));
      throw error;
    }
  }

  const execute = (request: CommandRequest): Promise<Outcome> =>
    telemetry ? observe(telemetry, request) : run(request, undefined);

  return {
    app,
    limits,
    system,
    execute,
    view: ({ entity, id, principal }) =>
      admit(async () => {
        const definition = definitionOf(entity);
        await checkAllowed(definition, principal, { kind: "view", id });
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
      admit(async () => {
        const definition = definitionOf(entity);
        await checkAllowed(definition, principal, { kind: "history", id });
        checkRange({ after, limit });
        const stream = streamOf(definition, id, principal);
        if (!definition.history) throw new HoldfastError("no-history", `Entity "${entity}" does not show its history.`);
        const { version } = await read(definition, stream);
        return readHistory(journal, definition, stream, { after, limit, version });
      }),
    call: (entity, id, options) => createCaller(execute, entity, id, options),
    watch,
    reach,
    erase: ({ entity, id, principal }) =>
      admit(() => eraseStream(ports, streamOf(definitionOf(entity), id, principal), principal.id)),
    timer: ({ entity, id, principal }, name) =>
      admit(async () => {
        const definition = definitionOf(entity);
        const { timers } = await read(definition, streamOf(definition, id, principal));
        return timers.get(name);
      }),
    async ready() {
      await journal.record({ tenant: "default", entity: "holdfast", id: "ready" }, 1);
    },
    async close() {
      await close();
      await Promise.all(background);
    },
    authorize: async (principal, entity, action) => checkAllowed(definitionOf(entity), principal, action),
  };
}

function commandOf(definition: EntityDefinition, name: string, { kind }: Principal): CommandDefinition {
  const command = definition.commands.get(name);
  if (command && (kind === "system" || !command.internal)) return command;
  throw new HoldfastError("unknown-command", `Entity "${definition.name}" has no command "${name}".`);
}

function streamOf(definition: EntityDefinition, id: string, principal: Principal): StreamId {
  checkId(id);
  checkTenant(principal.tenant);
  return { tenant: principal.tenant, entity: definition.name, id };
}
