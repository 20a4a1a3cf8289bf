import type { Reach } from "../dependency/reach.ts";
import type { EntityRef, EntitySpec, Caller } from "../entity/types.ts";
import { HoldfastError, isHoldfastError } from "../errors.ts";
import { systemPrincipal } from "../runtime/authorize.ts";
import { createCaller } from "../runtime/caller.ts";
import type { CommandRequest, Context, Outcome } from "../runtime/requests.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { createCalls } from "./calls.ts";

/** Who does it: a handler, a workflow's step. */
export interface Doer {
  /** For messages: `subscription:fulfilment`, `step "pay" of workflow purchase`. */
  readonly name: string;
  readonly tenant: string;
  /** Of what follows from it. */
  readonly context: Context;
  /** Epoch milliseconds. */
  readonly deadline: number;
  readonly stop: AbortSignal;
  /** A key that is the same whenever the same work is done again, for the n-th call (from 0) of that target. */
  readonly keyOf: (target: string, n: number) => string;
}

/** What work does to entities and to what is outside, each thing once however often the work is done. */
export interface Effects {
  readonly call: <S extends EntitySpec>(
    entity: EntityRef<S>,
    id: string,
    options?: { readonly key?: string },
  ) => Caller<S>;
  readonly reach: Reach;
  /** Calls of entities that have not been answered. */
  readonly open: number;
  /** The first of the calls' errors that says `retry: "later"`: what has become of that call is open, and only a retry settles it. */
  readonly unsettled: HoldfastError | undefined;
  /** Resolves when all have been answered. @throws the error of the first failed call that nobody has looked at */
  settled(): Promise<void>;
  /** The work is over: calls are refused from now on. */
  finish(): void;
}

export function createEffects(runtime: Runtime, { name, tenant, context, deadline, stop, keyOf }: Doer): Effects {
  const calls = createCalls();
  const reaches = createCalls();
  const counts = new Map<string, number>();
  let unsettled: HoldfastError | undefined;
  let isFinished = false;

  function next(target: string): number {
    const n = counts.get(target) ?? 0;
    counts.set(target, n + 1);
    return n;
  }

  async function execute(request: CommandRequest): Promise<Outcome> {
    if (isFinished)
      throw new HoldfastError("handler-finished", `${name} calls after it has returned or run out of time.`);
    const target = `${request.entity}\0${request.id}\0${request.command}`;
    const n = request.key === undefined ? next(target) : (counts.get(target) ?? 0);
    const key = request.key ?? keyOf(target, n);
    const principal = { ...systemPrincipal, tenant };
    try {
      return await runtime.execute({ ...request, key, keyOrigin: "derived", principal, deadline, context });
    } catch (error) {
      if (isHoldfastError(error, "idempotency-key-reused")) throw notDeterministic(name, request, n, error);
      if (isHoldfastError(error) && error.retry === "later") unsettled ??= error;
      throw error;
    }
  }

  return {
    call: (entity, id, options) => createCaller(execute, entity, id, options, calls.watch),
    reach(dependency, work, { key } = {}) {
      const target = `reach\0${dependency.name}`;
      const own = key ?? keyOf(target, next(target));
      return reaches.watch(runtime.reach({ key: own, deadline, context, stop }, dependency, work));
    },
    get open() {
      return calls.open;
    },
    get unsettled() {
      return unsettled;
    },
    async settled() {
      await calls.settled();
      await reaches.settled();
    },
    finish: () => void (isFinished = true),
  };
}

function notDeterministic(name: string, request: CommandRequest, n: number, cause: unknown): HoldfastError {
  const which = `call ${n + 1} of ${request.entity}.${request.command} to "${request.id}"`;
  return new HoldfastError(
    "handler-not-deterministic",
    `${name} made another ${which} at an earlier attempt. A handler must make the same calls for the same message: derive inputs from the message, not from clocks, chance or what was read in between.`,
    { cause },
  );
}
