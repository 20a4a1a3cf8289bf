import type { App } from "../core/app.ts";
import type { Caller, EntityRef, EntitySpec, Principal } from "../core/entity/types.ts";
import { HoldfastError } from "../core/errors.ts";
import { formatKey } from "../core/journal/keys.ts";
import { createCaller } from "../core/runtime/caller.ts";
import type { CommandRequest, Outcome } from "../core/runtime/requests.ts";
import type { HistoryPage } from "../core/runtime/history.ts";
import type { Viewed } from "../core/runtime/runtime.ts";
import { createAsker, type AskerPorts } from "./ask.ts";
import type { Member } from "./cluster.ts";
import { randomFor, type Fates } from "./faults.ts";
import type { History } from "./history.ts";

/** One step of a simulated client: what it does, with randomness of its own. */
export interface Step {
  /** Number of the client, from 1. */
  readonly client: number;
  /** Number of the step, from 1. */
  readonly step: number;
  /** Uniform in [0, 1); the same at every run of the seed. */
  random(): number;
  /** One of them; there must be one. */
  pick<T>(options: readonly T[]): T;
  /**
   * Runs a command as a client does: with a key, retried under it until the outcome is known or patience ends.
   * @throws HoldfastError what is no outcome; `outcome-unknown` when patience has ended
   */
  call<S extends EntitySpec>(entity: EntityRef<S>, id: string, options?: StepCallOptions): Caller<S>;
  /** Reads an entity's public view. */
  view<S extends EntitySpec>(
    entity: EntityRef<S>,
    id: string,
    options?: StepOptions,
  ): Promise<{ readonly view: S["view"]; readonly version: number }>;
  /** Reads up to `limit` events after version `after`, of an entity that allows it. */
  history<S extends EntitySpec>(
    entity: EntityRef<S>,
    id: string,
    range: { readonly after: number; readonly limit: number },
    options?: StepOptions,
  ): Promise<HistoryPage>;
  /** Puts a message, a JSON value, into the queue of a worker of the app; it may arrive twice. */
  send(queue: string, message: unknown, id?: string): Promise<void>;
  /** Waits, in the world's time. */
  sleep(ms: number): Promise<void>;
}

export interface StepOptions {
  /** On whose behalf. Default: the world's `principal`. */
  readonly principal?: Principal;
}

export interface StepCallOptions extends StepOptions {
  /** Default: a new one for each call. */
  readonly key?: string;
  readonly expectedVersion?: number | "existing";
}

export interface ClientPorts extends AskerPorts {
  readonly seed: number;
  readonly fates: Fates;
  readonly history: History;
  readonly principal: Principal;
  /** All code that may run, the newest last. */
  readonly apps: readonly App[];
  /** Keys are of our own form only, so that those that are forgotten are refused. */
  readonly ownKeys: boolean;
  /** Requests that arrive again when all is over. */
  readonly stale: CommandRequest[];
}

/** A year of the world's time. */
const sleepMaxMs = 365 * 24 * 3_600_000;

/** The step of a client, as the workload sees it. */
export function createStep(ports: ClientPorts, client: number, step: number): Step {
  const { seed, scheduler, fates, history, note } = ports;
  const name = `c${client}.${step}`;
  const random = randomFor(seed, `workload ${name}`);
  const network = fates.site(name);
  const { ask, askAgain } = createAsker(ports, name, network);
  let calls = 0;
  let mayErase = true;

  async function execute(request: CommandRequest): Promise<Outcome> {
    const what = `${request.entity} ${request.id} ${request.command}`;
    if (mayErase && network.pick(["erase"])) {
      mayErase = false;
      const { entity, id, principal } = request;
      const erase = ({ runtime }: Member): Promise<void> =>
        runtime.erase({ entity, id, principal: { ...principal, kind: "user" } });
      note(name, `erases ${entity} ${id}`);
      await ask("erase", erase, () => "erasure");
    }
    mayErase = false;
    const own = ports.ownKeys || network.random() < 0.5;
    const made = `c${client}-${step}-${++calls}`;
    const key = request.key ?? (own ? formatKey(Math.floor(scheduler.now()), made) : made);
    const keyed = { ...request, key };
    const run = ({ runtime, instance }: Member): Promise<Outcome> =>
      runtime.execute({ ...keyed, deadline: instance.system.now() + 10_000 });
    const again = network.pick(["duplicate", "stale"]);
    if (again === "stale") ports.stale.push(keyed);
    if (again === "duplicate") {
      askAgain(20_000 * network.random() ** 3, run);
    }
    note(name, `${what} ${JSON.stringify(request.input) ?? ""} ${key}`);
    const outcome = await ask(what, run, (outcome) => (outcome.ok ? "ok" : outcome.code));
    note(name, outcome.ok ? `is told ok at ${outcome.version}` : `is told ${outcome.code}`);
    return outcome;
  }

  return {
    client,
    step,
    random,
    pick<T>(options: readonly T[]): T {
      if (options.length === 0) throw mistake("There is nothing to pick from: the list is empty.");
      // Not empty.
      return options[Math.floor(random() * options.length)] as T;
    },
    call: (entity, id, options) =>
      createCaller(execute, entity, id, { ...options, principal: options?.principal ?? ports.principal }),
    async view<S extends EntitySpec>({ name: entity }: EntityRef<S>, id: string, options?: StepOptions) {
      const { principal = ports.principal } = options ?? {};
      const viewed: Viewed = await ask(
        `view of ${entity} ${id}`,
        ({ runtime }) => runtime.view({ entity, id, principal }),
        () => "viewed",
      );
      // The entity's declaration has tied the view to its type.
      return viewed as { readonly view: S["view"]; readonly version: number };
    },
    history({ name: entity }, id, range, { principal = ports.principal } = {}) {
      return ask(
        `history of ${entity} ${id}`,
        ({ runtime }) => runtime.history({ entity, id, principal, ...range }),
        () => "read",
      );
    },
    async send(queue, message, id) {
      const queues = ports.apps.flatMap(({ workers }) => [...workers.values()].map(({ queue }) => queue));
      if (!queues.includes(queue)) {
        throw mistake(
          `No worker reads the queue ${JSON.stringify(queue)}; there are: ${[...new Set(queues)].join(", ")}.`,
        );
      }
      const made = id ?? `c${client}-${step}-${++calls}`;
      await ask(
        `message to ${queue}`,
        ({ delivery }) => delivery.send(queue, { id: made, body: JSON.stringify(message) }),
        () => "sent",
      );
      history.sent.push({ queue, id: made });
    },
    async sleep(ms) {
      if (!(ms >= 0 && ms <= sleepMaxMs)) throw mistake(`A step sleeps 0 to ${sleepMaxMs} ms, not ${ms}.`);
      await scheduler.sleep(ms);
    },
  };
}

/** Of the workload, not of what it asks: the world ends with it. */
function mistake(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
