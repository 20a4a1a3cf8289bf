import { HoldfastError } from "../errors.ts";
import { delayOf, isFinal } from "../retry.ts";
import type { Context } from "../runtime/requests.ts";
import type { System } from "../runtime/system.ts";
import { createCircuit, type Passage } from "./circuit.ts";
import type { Dependency, DependencyPolicy } from "./declare.ts";

/** One attempt at asking something outside. */
export interface Reached {
  /** The same at every attempt, and whenever the same work is done again: for the other side to know it by. */
  readonly key: string;
  /** From 1. */
  readonly attempt: number;
  /** How long this attempt may take, milliseconds. */
  readonly timeoutMs: number;
  /** Aborted when its time is over, or it has failed. */
  readonly signal: AbortSignal;
  /**
   * What travels along, to be spread into a request: `idempotency-key`, `x-request-timeout-ms`, `x-correlation-id`,
   * `traceparent`. Another Holdfast honours all of them.
   */
  readonly headers: { readonly [name: string]: string };
}

/**
 * Asks something outside, within what is left of the caller's time. An attempt that fails is made again under the same key, as
 * the dependency's `retry` says, while its budget and the deadline allow it. What is to be waited for happens within `work`:
 * read a response's body there.
 * @throws what `work` threw, if its error says `retry: "never"` or is one of the `never` codes: such is an answer;
 * HoldfastError `circuit-open` (later), `dependency-failed` and `dependency-timed-out` (reload; `cause` says why),
 * `deadline-exceeded` (later)
 */
export type Reach = <T>(
  dependency: Dependency,
  work: (attempt: Reached) => T | Promise<T>,
  options?: {
    /** Instead of the derived one, which goes by the order of the calls: for those that are made at once, in no certain order. */
    readonly key?: string;
  },
) => Promise<T>;

/** On whose behalf. */
export interface Behalf {
  readonly key: string;
  /** Epoch milliseconds. */
  readonly deadline: number;
  readonly context: Context;
  /** Ends it from outside. */
  readonly stop?: AbortSignal | undefined;
}

/** Asks on somebody's behalf; see {@link Reach}. */
export type ReachFor = <T>(
  behalf: Behalf,
  dependency: Dependency,
  work: (attempt: Reached) => T | Promise<T>,
) => Promise<T>;

/** A dependency as one process sees it, with a circuit and a budget. */
export type Connection = <T>(behalf: Behalf, work: (attempt: Reached) => T | Promise<T>) => Promise<T>;

/** What a call adds to the budget. */
const retriesPerCall = 0.1;

/** What became of an attempt: `final` is an error that would be the same next time, and so an answer. */
type Attempted<T> =
  | { readonly is: "answered"; readonly value: T }
  | { readonly is: "final"; readonly error: unknown }
  | { readonly is: "failed" | "timed-out"; readonly error: unknown; readonly isOpen: boolean }
  | { readonly is: "left" };

export function connect(name: string, policy: DependencyPolicy, system: System): Connection {
  const { log, telemetry } = system;
  const circuit = createCircuit(name, policy, system);
  let budget = policy.retriesMax;

  /** One attempt, of which the circuit is told. */
  async function attemptAt<T>(
    passage: Passage,
    ms: number,
    stop: AbortSignal | undefined,
    work: (signal: AbortSignal) => T | Promise<T>,
  ): Promise<Attempted<T>> {
    try {
      const value = await inTime(system, ms, stop, work);
      passage.succeeded();
      return { is: "answered", value };
    } catch (error) {
      if (error === stopped || (error === late && ms < policy.timeoutMs)) {
        passage.left();
        return { is: "left" };
      }
      if (error === late) {
        const timeout = timedOut(name, ms);
        return { is: "timed-out", error: timeout, isOpen: passage.failed(timeout) };
      }
      if (!isFinal(policy.retry, error)) return { is: "failed", error, isOpen: passage.failed(error) };
      passage.succeeded();
      return { is: "final", error };
    }
  }

  return async ({ key, deadline, context, stop }, work) => {
    budget = Math.min(policy.retriesMax, budget + retriesPerCall);
    for (let attempt = 1; ; attempt++) {
      const from = system.now();
      if (deadline <= from || stop?.aborted) throw tooLate(name);
      const passage = circuit.enter();
      if (passage === undefined) {
        telemetry?.reached(name, "refused", 0);
        throw circuit.refusal();
      }
      const timeoutMs = Math.min(policy.timeoutMs, Math.max(1, Math.floor(deadline - from)));
      const headers = headersOf(key, timeoutMs, context);
      const attempted = await attemptAt(passage, timeoutMs, stop, (signal) =>
        work({ key, attempt, timeoutMs, signal, headers }),
      );
      const { is } = attempted;
      telemetry?.reached(name, is === "final" ? "answered" : is, system.now() - from);
      if (is === "answered") return attempted.value;
      if (is === "final") throw attempted.error;
      if (is === "left") throw tooLate(name);
      const { error, isOpen } = attempted;
      if (isOpen) throw circuit.refusal(error);
      const delayMs = delayOf(policy.retry, attempt, error, system.random);
      const isWorthIt = delayMs !== undefined && system.now() + delayMs < deadline;
      if (!isWorthIt || budget < 1) {
        const { correlation } = context;
        log.warn({ dependency: name, attempts: attempt, correlation, error }, "a dependency has failed");
        throw outOf(name, attempt, is, error);
      }
      budget--;
      await pause(system, delayMs, stop);
    }
  };
}

function headersOf(key: string, timeoutMs: number, { correlation, trace }: Context): Reached["headers"] {
  return {
    "idempotency-key": key,
    "x-request-timeout-ms": String(timeoutMs),
    ...(correlation !== undefined && { "x-correlation-id": correlation }),
    ...(trace !== undefined && { traceparent: trace }),
  };
}

/** Marks: its own time is over; it was stopped from outside. */
const late = Symbol("late");
const stopped = Symbol("stopped");

/** @throws what the work throws, `late`, `stopped` */
function inTime<T>(
  system: System,
  ms: number,
  stop: AbortSignal | undefined,
  work: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const cancel = system.after(ms, () => end(() => reject(late)));
    const onStop = (): void => end(() => reject(stopped));
    function end(settle: () => void): void {
      cancel();
      stop?.removeEventListener("abort", onStop);
      settle();
    }
    stop?.addEventListener("abort", onStop);
    (async () => work(abort.signal))().then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  }).catch((error: unknown) => {
    // Not after success: the body of a response hangs on it.
    abort.abort();
    throw error;
  });
}

/** Waits, or until it is stopped. */
function pause(system: System, ms: number, stop: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const cancel = system.after(ms, end);
    function end(): void {
      cancel();
      stop?.removeEventListener("abort", end);
      resolve();
    }
    stop?.addEventListener("abort", end);
  });
}

function tooLate(name: string): HoldfastError {
  const message = `The deadline passed before the dependency ${name} had answered.`;
  return new HoldfastError("deadline-exceeded", message, { retry: "later" });
}

function timedOut(name: string, ms: number): HoldfastError {
  const message = `The dependency ${name} did not answer within ${ms} ms.`;
  return new HoldfastError("dependency-timed-out", message, { retry: "reload" });
}

function outOf(name: string, attempts: number, is: "failed" | "timed-out", cause: unknown): HoldfastError {
  const times = attempts === 1 ? "once" : `${attempts} times`;
  const [code, what] =
    is === "failed" ? ["dependency-failed", "failed"] : ["dependency-timed-out", "did not answer in time"];
  const message = `The dependency ${name} was asked ${times}, and ${what}.`;
  return new HoldfastError(code, message, { retry: "reload", cause });
}
