import { HoldfastError, isHoldfastError } from "../core/errors.ts";
import { digest } from "../core/journal/keys.ts";
import type { JsonValue } from "../core/json.ts";
import { millisecondsOf } from "../core/machine/declare.ts";
import type { EntityRef, EntitySpec } from "../core/entity/types.ts";
import { checkName, checkStep, isAccepted, waitOf } from "./checks.ts";
import { errorOf, notDeterministic } from "./failure.ts";
import type { Fact, Failure, Operation, TimedFact } from "./facts.ts";
import type { Heard, StepContext, StepOptions, Undoable, UndoContext, WorkflowContext, WorkflowRun } from "./types.ts";

/** What a body has asked for and has not heard of. */
export type Asked = Operation &
  (
    | {
        readonly kind: "run";
        readonly step: (context: StepContext<unknown> & { readonly undoes?: string }) => unknown;
        readonly options: StepOptions;
        readonly at: number;
        /** It undoes something; of `run` and `call` it is known what. */
        readonly isUndo?: true;
        readonly undoes?: { readonly n: number; readonly at?: number } | undefined;
      }
    | {
        readonly kind: "call";
        readonly entity: string;
        readonly id: string;
        readonly command: string;
        readonly input: unknown;
        readonly at: number;
        readonly undo: Undo | undefined;
      }
    | { readonly kind: "sleep"; readonly due: number }
    | { readonly kind: "until"; readonly due?: number }
    | {
        readonly kind: "child";
        readonly workflow: string;
        readonly child: string;
        readonly input: unknown;
        readonly at: number;
      }
  );

type Undo = (context: UndoContext<unknown>) => unknown;

export type Ending =
  | { readonly as: "returned"; readonly value: unknown }
  | { readonly as: "threw"; readonly error: unknown }
  | { readonly as: "continues"; readonly input: unknown };

/** The code of a workflow while it runs: it asks, and hears facts in their order. */
export interface Body {
  /** Lets it hear one more. @throws HoldfastError `workflow-not-deterministic` */
  hear(fact: TimedFact): void;
  /** What it waits for, in the order in which it has asked. */
  open(): readonly Asked[];
  /** Signals that have come, and nobody has waited for. */
  unheard(): readonly Fact[];
  /** Operations that waited for a signal which has come since this was asked last. */
  takeSatisfied(): readonly number[];
  /** Children that are to be cancelled, since this was asked last. */
  takeAbandoned(): readonly Abandoned[];
  /** Lets it undo what was done, if it is to and nothing is under way any more. True if it did. */
  release(): boolean;
  /** True for what a cancel has met while it was being told to others: it ends when it is known what has become of that. */
  isDoomed(n: number): boolean;
  /** It has failed, or was cancelled, and is being undone. */
  isUndoing(): boolean;
  ending(): Ending | undefined;
  /** What it has asked for so far, for messages. */
  asked(): readonly Operation[];
}

export type Abandoned = Asked & { readonly kind: "child" };

export interface BodyOptions {
  readonly name: string;
  readonly id: string;
  readonly run: number;
  readonly input: JsonValue;
  /** Epoch milliseconds of its start. */
  readonly at: number;
  readonly code: WorkflowRun<unknown, unknown, unknown, never>;
}

interface Waiting {
  readonly asked: Asked;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** Ends the body from within; never seen by it, unless it catches everything. */
class Continued {
  readonly input: unknown;
  constructor(input: unknown) {
    this.input = input;
  }
}

/** Operations that a body has open at once, at most. */
const openMax = 1_000;

export function createBody({ name, id, run, input, at, code }: BodyOptions): Body {
  const waiting = new Map<number, Waiting>();
  const operations: Operation[] = [];
  const known = new Map<number, Operation>();
  const signals = new Map<string, (JsonValue | undefined)[]>();
  const undoing: {
    readonly name: string;
    readonly undo: Undo;
    readonly options: StepOptions;
    readonly undoes?: { readonly n: number; readonly at?: number };
  }[] = [];
  /** What a cancel, or the failure of it all, has met while it was being told to others; with what the code is to hear then, if anything. */
  const doomed = new Map<number, Failure | undefined>();
  /** Code of the failure that a cancel is heard as. */
  let cancelledWith: string | undefined;
  /** The code has thrown; called when nothing is under way any more. */
  let undo: (() => void) | undefined;
  const begun = new Set<number>();
  let satisfied: number[] = [];
  let abandoned: Abandoned[] = [];
  let time = at;
  let draws = 0;
  let ending: Ending | undefined;
  /** The code has returned, or thrown: what its branches ask for then is not done. */
  let isOver = false;
  let broken: unknown;

  type Details = Asked extends infer A ? (A extends Asked ? Omit<A, "n"> : never) : never;

  function ask<T>(details: Details): Promise<T> {
    if (isOver && !(details.kind === "run" && details.isUndo)) return new Promise(() => {});
    const answer = asking<T>(details);
    // A workflow that is cancelled rejects all of them: one that nobody awaits must not end the process.
    answer.catch(() => {});
    return answer;
  }

  async function asking<T>(details: Details): Promise<T> {
    if (!(details.kind === "run" && details.isUndo)) checkName(details.name);
    const n = operations.length + 1;
    // The parts of one kind, with its number.
    const asked = { ...details, n } as Asked;
    operations.push({ n, kind: asked.kind, name: asked.name });
    return new Promise<T>((resolve, reject) => {
      try {
        check(known.get(n));
      } catch (error) {
        // The code must not go on, nor catch it.
        broken ??= error;
        return;
      }
      if (waiting.size >= openMax) {
        reject(
          new HoldfastError(
            "too-many-operations",
            `A workflow may wait for ${openMax} things at once; map takes a concurrency.`,
          ),
        );
        return;
      }
      waiting.set(n, { asked, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  /** What is stored of an operation is what the body asks for. */
  function check(operation: Operation | undefined): void {
    if (operation === undefined) return;
    const own = operations[operation.n - 1];
    if (own && own.kind === operation.kind && own.name === operation.name) return;
    const stored = [...known.values()].toSorted((a, b) => a.n - b.n);
    throw notDeterministic({ name, id, operation, own, stored, operations });
  }

  function signalled(signal: string, data: JsonValue | undefined): void {
    for (const [n, { asked, resolve }] of waiting) {
      if (asked.kind !== "until" || asked.name !== signal) continue;
      waiting.delete(n);
      satisfied.push(n);
      resolve({ ok: true, data } satisfies Heard<unknown>);
      return;
    }
    signals.set(signal, [...(signals.get(signal) ?? []), data]);
  }

  function over(n: number, end: (one: Waiting) => void): void {
    const one = waiting.get(n);
    if (one === undefined) return;
    waiting.delete(n);
    end(one);
  }

  /** Ends what is waited for, as an error that the code may catch to clean up. */
  function cancel(failure: Failure): void {
    cancelledWith = failure.code;
    end(failure);
  }

  /** Ends what is waited for, and the code hears nothing any more: one of its branches has failed, and so has all of it. */
  function silence(): void {
    isOver = true;
    end(undefined);
  }

  function end(failure: Failure | undefined): void {
    for (const [n, { asked }] of waiting) {
      // What was done is undone all the same.
      if ((asked.kind === "run" && asked.isUndo) || doomed.has(n)) continue;
      // A command is heard of by another entity, or not; a child does what it does until it ends: that has to be known first.
      if (asked.kind === "call" || asked.kind === "child") {
        doomed.set(n, failure);
        if (asked.kind === "child" && begun.has(n)) abandoned.push(asked);
        continue;
      }
      satisfied.push(n);
      over(n, ({ reject }) => {
        if (failure) reject(errorOf(failure));
      });
    }
  }

  const context: WorkflowContext<unknown, { readonly [name: string]: never }> = {
    id,
    run: (step, fn, { undo, ...options } = {}) => {
      checkStep(step, options);
      // Whatever becomes of it: an attempt may have had its effect.
      if (undo && !isOver) undoing.push({ name: step, undo, options: {}, undoes: { n: operations.length + 1 } });
      return ask({
        kind: "run",
        name: step,
        step: fn as (context: StepContext<unknown>) => unknown,
        options,
        at: time,
      });
    },
    call: <T extends EntitySpec>(entity: EntityRef<T>, target: string, { undo }: Undoable<unknown> = {}) =>
      new Proxy(
        {},
        {
          get: (_, command) => {
            if (typeof command !== "string" || !entity.definition.commands.has(command)) return undefined;
            return (input?: unknown) =>
              ask({
                kind: "call",
                name: `${entity.name}.${command}`,
                entity: entity.name,
                id: target,
                command,
                input,
                at: time,
                undo,
              });
          },
        },
      ) as never,
    sleep(duration) {
      const ms = typeof duration === "number" ? duration : millisecondsOf("sleep of a workflow", duration);
      return ask({ kind: "sleep", name: "sleep", due: Math.ceil(time + waitOf("time to sleep", ms)) });
    },
    until(signal, { timeoutMs } = {}) {
      if (isOver) return new Promise(() => {});
      const [next, ...rest] = signals.get(signal) ?? [];
      const come = signals.get(signal)?.length ?? 0;
      // It counts as an operation all the same: the next ones have the same numbers.
      const answer = ask<Heard<never>>({
        kind: "until",
        name: signal,
        ...(timeoutMs !== undefined && { due: Math.ceil(time + waitOf("timeoutMs of until", timeoutMs)) }),
      });
      if (come > 0) {
        signals.set(signal, rest);
        over(operations.length, ({ resolve }) => resolve({ ok: true, data: next }));
      }
      return answer;
    },
    child: (workflow, given, { id: own } = {}) => {
      const child = own ?? `${name}.${id}.${run}.${operations.length + 1}`;
      return ask({ kind: "child", name: workflow.name, workflow: workflow.name, child, input: given, at: time });
    },
    all: Promise.all.bind(Promise) as typeof Promise.all,
    race: Promise.race.bind(Promise) as typeof Promise.race,
    async map(items, each, { concurrency = 10 } = {}) {
      if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
        throw new HoldfastError(
          "invalid-operation",
          `The concurrency of map is ${concurrency}; it is a whole number from 1.`,
        );
      }
      const results: Awaited<ReturnType<typeof each>>[] = [];
      const rest = items.entries();
      const work = async (): Promise<void> => {
        for (const [i, item] of rest) results[i] = await each(item, i);
      };
      await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, work));
      return results;
    },
    compensate(name, undo, options = {}) {
      checkName(name);
      checkStep(name, options);
      undoing.push({ name, undo, options });
    },
    continueAsNew(next) {
      const never = Promise.reject(new Continued(next));
      never.catch(() => {});
      return never;
    },
    now: () => time,
    random: () => draw("random").readUIntBE(0, 6) / 2 ** 48,
    uuid: () => {
      const bytes = draw("uuid").subarray(0, 16);
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      const hex = bytes.toString("hex");
      return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
    },
  };

  function draw(what: string): Buffer {
    return Buffer.from(digest([what, name, id, run, ++draws].join("\0")), "base64url");
  }

  async function whole(): Promise<void> {
    try {
      const value = await code(input, context as never);
      isOver = true;
      ending = { as: "returned", value };
    } catch (error) {
      if (error instanceof Continued) {
        isOver = true;
        ending = { as: "continues", input: error.input };
        return;
      }
      // Only what fails of a cancel has branches that clean up.
      if (cancelledWith === undefined || !isHoldfastError(error, cancelledWith)) silence();
      await new Promise<void>((resolve) => (undo = resolve));
      for (let last = undoing.pop(); last; last = undoing.pop()) {
        const { name, undo, options, undoes } = last;
        const { retry, ...others } = options;
        await ask({
          kind: "run",
          name: `undo ${name}`,
          step: undo as (context: StepContext<unknown>) => unknown,
          options: { ...others, retry: { attempts: 1_000, ...retry } },
          at: time,
          isUndo: true,
          undoes,
        });
      }
      ending = { as: "threw", error };
    }
  }
  whole().catch((error: unknown) => void (broken ??= error));

  return {
    hear({ at, fact }) {
      time = Math.max(time, at);
      if ("kind" in fact) {
        const { n, kind, name } = fact;
        known.set(n, { n, kind, name });
        check({ n, kind, name });
      }
      if (fact.is === "done") {
        const isDoomed = doomed.has(fact.n);
        const failure = isDoomed ? doomed.get(fact.n) : fact.failure;
        over(fact.n, ({ asked, resolve, reject }) => {
          if (asked.kind === "call" && asked.undo && (fact.accepted || isAccepted(fact.value))) {
            undoing.push({ name: asked.name, undo: asked.undo, options: {}, undoes: asked });
          }
          if (failure) reject(errorOf(failure));
          else if (!isDoomed) resolve(fact.value);
        });
        doomed.delete(fact.n);
      } else if (fact.is === "began") {
        begun.add(fact.n);
        const { asked } = waiting.get(fact.n) ?? {};
        if (doomed.has(fact.n) && asked?.kind === "child") abandoned.push(asked);
      } else if (fact.is === "woke") {
        const one = waiting.get(fact.n);
        // A step whose next attempt is due goes on waiting for it.
        if (one?.asked.kind === "sleep") over(fact.n, ({ resolve }) => resolve(undefined));
        else if (one?.asked.kind === "until") over(fact.n, ({ resolve }) => resolve({ ok: false, code: "timed-out" }));
      } else if (fact.is === "signalled") {
        signalled(fact.name, fact.data);
      } else if (fact.is === "cancelled") {
        cancel(fact.failure);
      }
    },
    open: () => [...waiting.values()].map(({ asked }) => asked),
    unheard: () =>
      [...signals].flatMap(([name, all]) =>
        all.map((data): Fact => ({ is: "signalled", name, ...(data !== undefined && { data }) })),
      ),
    takeSatisfied() {
      const taken = satisfied;
      satisfied = [];
      return taken;
    },
    takeAbandoned() {
      const taken = abandoned;
      abandoned = [];
      return taken;
    },
    release() {
      // After a cancel its branches may clean up.
      if (undo === undefined || waiting.size > 0) return false;
      isOver = true;
      undo();
      undo = undefined;
      return true;
    },
    isDoomed: (n) => doomed.has(n),
    isUndoing: () => isOver && (ending === undefined || ending.as === "threw"),
    ending() {
      if (broken !== undefined) throw broken;
      return ending;
    },
    asked: () => operations,
  };
}
