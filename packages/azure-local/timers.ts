import { setTimeout as sleep } from "node:timers/promises";
import { Cron } from "croner";
import type { Invoke, Outcome } from "./functions.ts";
import type { Input, RetryOptions } from "./rpc.ts";
import type { TimerTrigger } from "./triggers.ts";

export interface Timer {
  /** Invokes the function now, after whatever run of it is under way. */
  fire(): Promise<Outcome>;
  /** Resolves when no run is under way any more. */
  stop(): Promise<void>;
}

/** Node's timers go no further, milliseconds. */
const sleepMsMax = 2 ** 31 - 1;

/**
 * Runs a function by its schedule, in UTC, one run at a time.
 * Source: learn.microsoft.com/azure/azure-functions/functions-bindings-timer
 * @throws Error for a schedule that has not six fields
 */
export function startTimer(
  { name, binding, schedule, runOnStartup, retry }: TimerTrigger,
  invoke: Invoke,
  output: (text: string) => void,
): Timer {
  // Both days of an expression have to be right, not one of them.
  const cron = new Cron(schedule, { mode: "6-part", timezone: "UTC", domAndDow: true });
  /** What was so when it ran last; .NET's first day where it never ran. */
  let last = "0001-01-01T00:00:00+00:00";
  let lastUpdated = last;
  let due = cron.nextRun();
  let running: Promise<unknown> = Promise.resolve();
  const stopped = new AbortController();
  let timer: NodeJS.Timeout | undefined;

  async function run(isPastDue: boolean): Promise<Outcome> {
    const status = { Last: last, Next: textOf(due), LastUpdated: lastUpdated };
    const json = JSON.stringify({ Schedule: { AdjustForDST: true }, ScheduleStatus: status, IsPastDue: isPastDue });
    last = textOf(new Date());
    const outcome = await insist({ inputData: [{ name: binding, data: { json } }] });
    lastUpdated = textOf(new Date());
    return outcome;
  }

  /** Again where the function has thrown, as its retry policy says; it lives in memory. */
  async function insist(input: Input): Promise<Outcome> {
    const attempt = async (given: Input): Promise<Outcome> => {
      const outcome = await invoke(name, given);
      if (outcome.kind === "threw") output(`${name} threw ${outcome.message}\n`);
      return outcome;
    };
    let outcome = await attempt(input);
    const maxRetryCount = retry?.maxRetryCount ?? 0;
    const isAllowed = (count: number): boolean => maxRetryCount < 0 || count <= maxRetryCount;
    for (let retryCount = 1; retry && outcome.kind === "threw" && isAllowed(retryCount); retryCount++) {
      await sleep(delayMs(retry, retryCount), undefined, { signal: stopped.signal }).catch(() => {});
      if (stopped.signal.aborted) break;
      outcome = await attempt({ ...input, retryContext: { retryCount, maxRetryCount } });
    }
    return outcome;
  }

  function fire(isPastDue: boolean): Promise<Outcome> {
    const outcome = running.then(() => run(isPastDue));
    running = outcome.catch(() => {});
    return outcome;
  }

  function wait(): void {
    if (stopped.signal.aborted || due === null) return;
    const leftMs = due.getTime() - Date.now();
    if (leftMs > 0) timer = setTimeout(wait, Math.min(leftMs, sleepMsMax));
    else void fire(leftMs < -1_000).then(next);
  }

  function next(): void {
    due = cron.nextRun();
    wait();
  }

  if (runOnStartup) void fire(false);
  wait();
  return {
    fire: () => fire(false),
    async stop() {
      stopped.abort();
      clearTimeout(timer);
      await running;
    },
  };
}

function delayMs(retry: RetryOptions, retryCount: number): number {
  const { retryStrategy, delayInterval, minimumInterval, maximumInterval } = retry;
  if (retryStrategy === "fixedDelay") return (delayInterval?.seconds ?? 0) * 1_000;
  const seconds = (minimumInterval?.seconds ?? 0) * 2 ** (retryCount - 1);
  return Math.min(seconds, maximumInterval?.seconds ?? seconds) * 1_000;
}

function textOf(time: Date | null): string {
  return time === null ? "9999-12-31T23:59:59+00:00" : time.toISOString().replace("Z", "+00:00");
}
