import type { Caller, EntityRef, EntitySpec, Principal } from "../core/entity/types.ts";
import { HoldfastError, isHoldfastError } from "../core/errors.ts";
import { formatKey } from "../core/journal/keys.ts";
import { createCaller } from "../core/runtime/caller.ts";
import type { CommandRequest, Outcome } from "../core/runtime/requests.ts";
import type { Viewed } from "../core/runtime/runtime.ts";
import type { Cluster, Member } from "./cluster.ts";
import { randomFor, type Fates, type Site } from "./faults.ts";
import type { History } from "./history.ts";
import type { Scheduler } from "./scheduler.ts";

/** One step of a simulated client: what it does, with randomness of its own. */
export interface Step {
  /** Number of the client, from 1. */
  readonly client: number;
  /** Number of the step, from 1. */
  readonly step: number;
  /** Uniform in [0, 1); the same at every run of the seed. */
  random(): number;
  /** One of them. */
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
  ): Promise<{ readonly view: S["view"]; readonly version: number }>;
  /** Puts a message, a JSON value, into a worker's queue; it may arrive twice. */
  send(queue: string, message: unknown, id?: string): Promise<void>;
  /** Waits, in the world's time. */
  sleep(ms: number): Promise<void>;
}

export interface StepCallOptions {
  /** Default: a new one for each call. */
  readonly key?: string;
  readonly expectedVersion?: number | "existing";
}

export interface ClientPorts {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly fates: Fates;
  readonly cluster: Cluster;
  readonly history: History;
  readonly principal: Principal;
  /** Keys are of our own form only, so that those that are forgotten are refused. */
  readonly ownKeys: boolean;
  /** Requests that arrive again when all is over. */
  readonly stale: CommandRequest[];
  note(who: string, what: string): void;
}

/** Attempts of a request before a client gives up. */
const attemptsMax = 12;
/** How long a client waits for an answer, milliseconds. */
const patienceMs = 4_000;
const latencyMs = 5;

const noAnswer: unique symbol = Symbol("no answer");

/** The step of a client, as the workload sees it. */
export function createStep(ports: ClientPorts, client: number, step: number): Step {
  const { seed, scheduler, fates, cluster, history, principal, note } = ports;
  const name = `c${client}.${step}`;
  const random = randomFor(seed, `workload ${name}`);
  const network = fates.site(name);
  let calls = 0;
  let mayErase = true;

  /** Sends a request to some instance. `noAnswer` where it, or what it says, does not arrive in time. */
  function send<T>(site: Site, work: (member: Member) => Promise<T>, cut: boolean): Promise<T | typeof noAnswer> {
    return new Promise((resolve, reject) => {
      const cutThere = cut && site.random() < 0.5;
      const impatience = scheduler.after(patienceMs, () => resolve(noAnswer));
      const back = (settle: () => void): void => {
        if (cut) return;
        impatience();
        scheduler.after(latencyMs * site.random(), settle);
      };
      scheduler.after(latencyMs * site.random(), () => {
        const member = cluster.pick(site.random);
        if (member === undefined) return back(() => resolve(noAnswer));
        if (cutThere) return;
        member.instance.enter(() =>
          work(member).then(
            (result) => back(() => resolve(result)),
            (error: unknown) => back(() => reject(error)),
          ),
        );
      });
    });
  }

  /** As a client does: again, while the outcome is open. */
  async function retried<T>(what: string, work: (member: Member) => Promise<T>): Promise<T> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      try {
        const answer = await send(network, work, network.pick(["cut"]) !== undefined);
        if (answer !== noAnswer) return answer;
      } catch (error) {
        if (!isHoldfastError(error) || error.retry !== "later") throw error;
      }
      await scheduler.sleep(50 * 2 ** Math.min(attempt, 6) * (0.5 + network.random()));
    }
    note(name, `gives up: ${what}`);
    throw new HoldfastError("outcome-unknown", `The outcome of ${what} is not known.`, { retry: "later" });
  }

  async function execute(request: CommandRequest): Promise<Outcome> {
    const what = `${request.entity} ${request.id} ${request.command}`;
    if (mayErase && network.pick(["erase"])) {
      mayErase = false;
      const { entity, id } = request;
      note(name, `erases ${entity} ${id}`);
      await retried("erase", ({ runtime }) => runtime.erase({ entity, id, principal: { ...principal, kind: "user" } }));
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
      scheduler.after(20_000 * network.random() ** 3, () => void send(network, run, false).catch(() => {}));
    }
    note(name, `${what} ${JSON.stringify(request.input) ?? ""} ${key}`);
    const outcome = await retried(what, run);
    note(name, outcome.ok ? `is told ok at ${outcome.version}` : `is told ${outcome.code}`);
    return outcome;
  }

  return {
    client,
    step,
    random,
    pick<T>(options: readonly T[]): T {
      // Not empty: there is something to pick.
      return options[Math.floor(random() * options.length)] as T;
    },
    call: (entity, id, options) => createCaller(execute, entity, id, { ...options, principal }),
    async view<S extends EntitySpec>({ name: entity }: EntityRef<S>, id: string) {
      const viewed: Viewed = await retried(`view of ${entity} ${id}`, ({ runtime }) =>
        runtime.view({ entity, id, principal }),
      );
      // The entity's declaration has tied the view to its type.
      return viewed as { readonly view: S["view"]; readonly version: number };
    },
    async send(queue, message, id) {
      const made = id ?? `c${client}-${step}-${++calls}`;
      await retried(`message to ${queue}`, ({ delivery }) =>
        delivery.send(queue, { id: made, body: JSON.stringify(message) }),
      );
      history.sent.push({ queue, id: made });
    },
    sleep: (ms) => scheduler.sleep(ms),
  };
}
