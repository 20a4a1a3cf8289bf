import { HoldfastError, isHoldfastError } from "../core/errors.ts";
import { digest, formatKey } from "../core/journal/keys.ts";
import { delayOf, retryPolicy } from "../core/retry.ts";
import { jsonBytes } from "../core/json.ts";
import { createEffects } from "../core/messaging/effects.ts";
import { systemPrincipal } from "../core/runtime/authorize.ts";
import type { CommandRequest, Context, Outcome } from "../core/runtime/requests.ts";
import type { Runtime } from "../core/runtime/runtime.ts";
import type { Logger } from "../core/runtime/system.ts";
import { createBody, type Asked, type Body, type Ending } from "./body.ts";
import { internal, type Advance, type Advanced, type End, type Opened } from "./entity.ts";
import { factsWarning, type Fact, type Operation } from "./facts.ts";
import { failureOf } from "./failure.ts";
import { portionOf, resultOf } from "./results.ts";
import type { StepOptions, WorkflowRun } from "./types.ts";

/** What drives the workflows of one name. */
export interface DriverOptions {
  readonly name: string;
  readonly codes: ReadonlyMap<number, WorkflowRun<unknown, unknown, unknown, never>>;
  /** How long one go may take, milliseconds. */
  readonly timeoutMs: number;
}

/** One go at one workflow. */
export interface Go {
  readonly runtime: Runtime;
  readonly services: unknown;
  readonly tenant: string;
  readonly id: string;
  /** Of what wakes it: what it does has the same correlation. */
  readonly context: Context;
  readonly log: Logger;
  readonly stop: AbortSignal;
}

/** Left of a go for its last append, milliseconds. */
const marginMs = 2_000;

const stepTimeoutMs = 20_000;

/** Of a workflow's state, bytes of JSON; it may have 1 MiB. */
const stateBytesWarning = 0.8 * 1024 * 1024;

/**
 * Drives a workflow as far as it goes: what it has heard so far is heard again, in its order, by the code from its beginning; what
 * it asks for then is done, and each answer is stored before the code hears it. Ends when it waits for nothing but
 * timers, signals and children, or when its time is over.
 * @throws HoldfastError `superseded` (later): somebody else drives it; the errors of a store that cannot be reached
 */
export async function drive({ name, codes, timeoutMs }: DriverOptions, go: Go): Promise<void> {
  const { runtime, tenant, id, context, log } = go;
  const { system } = runtime;
  const owner = system.newId();
  const until = system.now() + timeoutMs - marginMs;

  function command(
    entity: string,
    to: string,
    name: string,
    input: unknown,
    keyed: Pick<CommandRequest, "key" | "keyOrigin" | "deadline">,
  ): Promise<Outcome> {
    const principal = { ...systemPrincipal, tenant };
    return runtime.execute({ entity, id: to, command: name, input, principal, context, ...keyed });
  }

  const opened = await command(name, id, internal.open, {}, {});
  if (!opened.ok) return;
  // What the entity's own command answers.
  const state = opened.reply as unknown as Opened;
  if (state.status !== "running") return;
  if (jsonBytes(opened.reply ?? null) > stateBytesWarning) {
    log.warn({ workflow: name, id }, "the history of a workflow is nearly full; let it continueAsNew");
  }
  const { run, version } = state;
  const code = codes.get(version);
  if (code === undefined) {
    throw new HoldfastError(
      "unknown-workflow-version",
      `Workflow ${name} "${id}" began with version ${version}, which this code does not have; it has ${[...codes.keys()].join(", ")}.`,
      { retry: "later" },
    );
  }

  let advances = 0;
  let isCancelled = false;
  /** Its end is stored. */
  let isOver = false;
  let was = state.owner;
  let known = state.facts.length;
  const attempts = new Map<number, number>();
  const waitsSince = new Set<number>();
  const running = new Map<number, Promise<void>>();
  const aborts = new Map<number, AbortController>();
  const found: Fact[] = [];
  let over: number[] = [];
  let failure: unknown;
  /** What cannot be undone, in words. */
  let stuck: string | undefined;
  let wakeUp = (): void => {};
  const body = createBody({ name, id, run, input: state.input, at: state.at, code });

  async function settle(): Promise<void> {
    // Whatever the code does behind an answer is over in the next turn of the event loop; where there is none, in a test,
    // after some awaits.
    do {
      for (let i = 0; i < 10; i++) await Promise.resolve();
      await new Promise<void>((resolve) => system.soon(resolve));
    } while (body.release());
  }

  /** Children are cancelled with who waits for them, and waited for; those that have ended refuse it, and have told. */
  function cancelChildren(): void {
    for (const asked of body.takeAbandoned()) {
      begin(asked, async () => {
        try {
          await command(asked.workflow, asked.child, "cancel", undefined, {});
        } catch (error) {
          // One that was erased tells nobody any more.
          if (!isHoldfastError(error) || error.retry === "later") throw error;
          finish(asked, { failure: failureOf(error, "child-failed") });
        }
      });
    }
  }

  /** Under way, and nobody waits for it any more: the workflow was cancelled. */
  function orphans(): readonly number[] {
    const open = new Set(body.open().map(({ n }) => n));
    return [...running.keys()].filter((n) => !open.has(n));
  }

  async function hear(facts: Opened["facts"]): Promise<void> {
    for (const timed of facts) {
      const { fact } = timed;
      if (fact.is === "failed") {
        attempts.set(fact.n, fact.attempts);
        waitsSince.add(fact.n);
      } else if (fact.is === "began") waitsSince.add(fact.n);
      else if (fact.is === "woke") waitsSince.delete(fact.n);
      else if (fact.is === "cancelled") isCancelled = true;
      body.hear(timed);
      cancelChildren();
      await settle();
    }
    for (const n of orphans()) aborts.get(n)?.abort();
    over = [...over, ...body.takeSatisfied()];
  }

  async function record(more: Pick<Advance, "end" | "yields"> = {}): Promise<void> {
    const facts = found.splice(0, portionOf(found));
    // Another one with each append: who has looked before one of ours does not take over behind it.
    const turn = `${owner}-${++advances}`;
    const undoes = body.isUndoing() && ({ undoes: true } as const);
    const asked: Advance = { owner: turn, was, run, known, facts, over, ...undoes, ...more };
    let outcome: Outcome;
    try {
      outcome = await command(name, id, internal.advance, asked, {
        key: formatKey(system.now(), turn),
      });
    } catch (error) {
      // It is too large, say: the same would be refused again.
      const isFinal = isHoldfastError(error) && error.retry !== "later" && more.end?.as !== "stopped";
      if (isFinal) return stopWith(error.code, error.message);
      throw error;
    }
    if (!outcome.ok) {
      if (outcome.code === "history-full") return stopWith("history-full", outcome.message);
      throw new HoldfastError("superseded", outcome.message, { retry: "later" });
    }
    over = [];
    const { facts: news, owner: now } = outcome.reply as unknown as Advanced;
    was = now;
    known += news.length;
    if (known > factsWarning) {
      log.warn({ workflow: name, id, facts: known }, "the history of a workflow is nearly full; let it continueAsNew");
    }
    isOver = more.end !== undefined;
    if (!isOver) await hear(news);
  }

  async function stopWith(code: string, message: string): Promise<void> {
    found.length = 0;
    log.error({ workflow: name, id, code }, message);
    await record({ end: { as: "stopped", failure: { code, message } } });
  }

  function finish(
    { n, kind, name }: Operation,
    result: Pick<Fact & { readonly is: "done" }, "value" | "failure" | "accepted">,
  ): void {
    found.push({ is: "done", n, kind, name, ...result });
  }

  /** Does what is done outside, or by other entities, and notes what came of it. */
  function begin(asked: Asked, work: () => Promise<void>): void {
    const task = work()
      .catch((error: unknown) => void (failure ??= error))
      .finally(() => {
        running.delete(asked.n);
        wakeUp();
      });
    running.set(asked.n, task);
  }

  function keyOf(n: number | string, at?: number): string {
    const which = digest([tenant, name, id, run, n].join("\0"));
    return at === undefined ? `wf-${which}` : `hf1.${at}.${which}`;
  }

  function stepMs({ timeoutMs: own = stepTimeoutMs }: StepOptions): number {
    return Math.min(own, timeoutMs - 2 * marginMs);
  }

  async function step(asked: Asked & { readonly kind: "run" }): Promise<void> {
    const { n, name: stepName, options, at } = asked;
    const policy = retryPolicy(`step "${stepName}" of workflow ${name}`, options.retry);
    const ms = Math.max(1, Math.min(stepMs(options), until - system.now()));
    const attempt = (attempts.get(n) ?? 0) + 1;
    const abort = new AbortController();
    aborts.set(n, abort);
    let cancel = (): void => {};
    const effects = createEffects(runtime, {
      name: `Step "${stepName}" of workflow ${name}`,
      tenant,
      context,
      deadline: system.now() + ms,
      stop: abort.signal,
      keyOf: (target, nth) => keyOf(`${n}\0${target}\0${nth}`, at),
    });
    const { call, reach } = effects;
    const { services } = go;
    const own = { services, call, reach, key: keyOf(n), attempt, signal: abort.signal, log };
    const run = async (): Promise<unknown> => {
      const { undoes } = asked;
      const value = await asked.step(undoes ? { ...own, undoes: keyOf(undoes.n, undoes.at) } : own);
      await effects.settled();
      return value;
    };
    try {
      const late = new Promise<never>((_, reject) => {
        cancel = system.after(ms, () => {
          const message = `Step "${stepName}" took longer than ${ms} ms.`;
          reject(new HoldfastError("step-timed-out", message, { retry: "later" }));
        });
      });
      const value: unknown = await Promise.race([run(), late]);
      if (effects.unsettled) throw effects.unsettled;
      // Of what was undone nobody hears the result.
      finish(asked, asked.isUndo ? {} : resultOf(`step "${stepName}"`, value));
    } catch (error) {
      // Whether such a call has happened is open: the whole go is tried again, under the same keys.
      if (effects.unsettled || effects.open > 0) throw effects.unsettled ?? error;
      // Nobody hears how an attempt has failed that was cut off by a cancel.
      if (orphans().includes(n)) return;
      const isFinal = isHoldfastError(error, "result-refused");
      const delay = isFinal ? undefined : delayOf(policy, attempt, error, system.random);
      const failure = failureOf(error, "step-failed");
      if (delay === undefined && asked.isUndo) {
        // It is not over: who has mended it goes on with it.
        const why = `after ${attempt} attempts (${failure.code}: ${failure.message})`;
        stuck ??= `"${stepName}" of workflow ${name} "${id}" has failed for good ${why}. Mend it, and retry.`;
        return;
      }
      if (delay === undefined) return finish(asked, { failure });
      const { kind } = asked;
      found.push({ is: "failed", n, kind, name: stepName, attempts: attempt, due: system.now() + delay, failure });
    } finally {
      cancel();
      effects.finish();
      abort.abort();
      aborts.delete(n);
    }
  }

  async function call(asked: Asked & { readonly kind: "call" }): Promise<void> {
    try {
      const { entity, id: to, command: what, input, at } = asked;
      const outcome = await command(entity, to, what, input, {
        key: keyOf(asked.n, at),
        keyOrigin: "derived",
        deadline: until + marginMs,
      });
      const { ok, version: at2, replayed } = outcome;
      const result = ok
        ? { ok, version: at2, replayed, ...(outcome.reply !== undefined && { reply: outcome.reply }) }
        : { ok, version: at2, replayed, code: outcome.code, message: outcome.message };
      finish(asked, answerOf(asked, ok, { ...result, replayed: false }));
    } catch (error) {
      // Whether it has happened is open: the whole go is tried again, under the same key.
      if (!isHoldfastError(error) || error.retry === "later") throw error;
      finish(asked, { failure: failureOf(error, "call-failed") });
    }
  }

  async function startChild(asked: Asked & { readonly kind: "child" }): Promise<void> {
    const { n, workflow, child, input, at, name: childName } = asked;
    const parent = { workflow: name, id, run, n, name: childName };
    try {
      const outcome = await command(
        workflow,
        child,
        internal.begin,
        { input: input ?? null, parent },
        {
          key: keyOf(n, at),
          keyOrigin: "derived",
        },
      );
      if (outcome.ok) found.push({ is: "began", n, kind: "child", name: childName, child });
      else finish(asked, { failure: { code: outcome.code, message: outcome.message } });
    } catch (error) {
      if (!isHoldfastError(error) || error.retry === "later") throw error;
      finish(asked, { failure: failureOf(error, "child-failed") });
    }
  }

  /** Begins whatever is asked for and is not under way. True if there is more than there is time for. */
  function act(): boolean {
    let lacksTime = false;
    const open = body.open();
    // What a cancel has met under way ends first: nothing is undone, or cleaned up, beside what it is about.
    const isEnding = orphans().length > 0 || open.some(({ n }) => body.isDoomed(n));
    for (const asked of open) {
      const { n, kind } = asked;
      if (isEnding && !body.isDoomed(n)) continue;
      if (running.has(n) || waitsSince.has(n) || found.some((fact) => "kind" in fact && fact.n === n)) continue;
      if (kind === "sleep" || kind === "until") {
        found.push({ is: "began", n, kind, name: asked.name, ...(asked.due !== undefined && { due: asked.due }) });
      } else if (advances > 0 && kind === "run" && system.now() + stepMs(asked.options) > until) {
        lacksTime = true;
      } else if (kind === "run") begin(asked, () => step(asked));
      else if (kind === "call") begin(asked, () => call(asked));
      else begin(asked, () => startChild(asked));
    }
    return lacksTime;
  }

  try {
    await settle();
    await hear(state.facts);
    for (;;) {
      if (isOver) return;
      if (go.stop.aborted) throw new HoldfastError("handler-stopped", "The driver was stopped.", { retry: "later" });
      const ending = body.ending();
      if (ending && orphans().length === 0) {
        if (failure !== undefined) throw failure;
        return await record({ end: endOf(ending, body, isCancelled) });
      }
      if (ending) {
        await new Promise<void>((resolve) => (wakeUp = resolve));
        continue;
      }
      const lacksTime = failure === undefined && stuck === undefined && act();
      if (found.length > 0) {
        await record(running.size === 0 && lacksTime ? { yields: true } : {});
        continue;
      }
      if (running.size > 0) {
        await new Promise<void>((resolve) => (wakeUp = resolve));
        continue;
      }
      if (failure !== undefined) throw failure;
      if (stuck !== undefined) return await stopWith("compensation-failed", stuck);
      if (lacksTime) return await record({ yields: true });
      if (body.open().length > 0) return;
      const text = `Workflow ${name} "${id}" waits for something that is not of its context; do it in a step: ctx.run("...", ...).`;
      return await stopWith("workflow-waits-for-nothing", text);
    }
  } catch (error) {
    if (!isHoldfastError(error, "workflow-not-deterministic")) throw error;
    await stopWith(error.code, error.message);
  } finally {
    // What nobody waits for any more.
    for (const abort of aborts.values()) abort.abort();
  }
}

/** What is stored of an answer; that it was accepted also where its reply is too large. */
function answerOf(
  { name }: Operation,
  ok: boolean,
  answer: object,
): Pick<Fact & { readonly is: "done" }, "value" | "failure" | "accepted"> {
  try {
    return resultOf(`call of ${name}`, answer);
  } catch (error) {
    return { failure: failureOf(error, "call-failed"), ...(ok && { accepted: true }) };
  }
}

function endOf(ending: Ending, body: Body, isCancelled: boolean): End {
  if (ending.as === "threw") {
    const failure = failureOf(ending.error, "workflow-failed");
    // A child's being cancelled is its failure, not its parent's.
    return { as: isCancelled && failure.code === "workflow-cancelled" ? "cancelled" : "failed", failure };
  }
  try {
    if (ending.as === "continues") {
      const { value: input = null } = resultOf("the input of continueAsNew", ending.input);
      return { as: "continued", input, signals: body.unheard() };
    }
    const { value: output } = resultOf("what the workflow returns", ending.value);
    return { as: "completed", ...(output !== undefined && { output }) };
  } catch (error) {
    return { as: "failed", failure: failureOf(error, "workflow-failed") };
  }
}
