import { setTimeout as sleep } from "node:timers/promises";
import type { Functions, Outcome } from "@holdfast/azure-local";

/** The process of one host, which can be broken. What its host sees of it is `functions`. */
export interface Member {
  readonly functions: Functions;
  /** Also where it is stopped. */
  kill(): Promise<void>;
  /** Resolves when it can be invoked. */
  restart(): Promise<void>;
  suspend(): void;
  /** Lets it go on; answers how many functions had a message that it held given to another process meanwhile. */
  resume(): number;
}

/** By function and message, who was given it last. Hosts of one app share one. */
export type GivenTo = Map<string, Functions>;

export interface MemberOptions {
  readonly givenTo: GivenTo;
  /** Milliseconds. */
  readonly patienceMs: number;
}

/** A message that a function was given. */
interface Held {
  readonly key: string;
  readonly name: string;
}

/**
 * Stands between a host and its process. Where the process is stopped its host waits for `patienceMs`, renews its locks, and
 * gives it more. Then it gives up all that the process has, and finds it gone until it goes on; what was under way in it
 * goes on then, too: worse than on Azure, where a process that takes too long is ended.
 */
export function createMember(process: Functions, { givenTo, patienceMs }: MemberOptions): Member {
  const held = new Map<() => void, Held | undefined>();
  let heldThen: readonly Held[] = [];
  let stopped: AbortController | undefined;
  /** There while it is given up. */
  let back: PromiseWithResolvers<void> | undefined;

  function giveUp(): void {
    back = Promise.withResolvers();
    for (const one of held.keys()) one();
  }

  function goOn(): void {
    stopped?.abort();
    stopped = undefined;
    back?.resolve();
    back = undefined;
  }

  const functions: Functions = {
    ...process,
    get isReady() {
      return back === undefined && process.isReady;
    },
    get pid() {
      return process.pid;
    },
    get failure() {
      return process.failure;
    },
    async ready() {
      while (back) await back.promise;
      return process.ready();
    },
    async invoke(name, input) {
      if (back) return { kind: "lost" };
      const id = input.triggerMetadata?.["MessageId"]?.string;
      const message = id === undefined ? undefined : { key: `${name} ${id}`, name };
      if (message) givenTo.set(message.key, functions);
      const { promise: givenUp, resolve } = Promise.withResolvers<Outcome>();
      const end = (): void => resolve({ kind: "lost" });
      held.set(end, message);
      try {
        return await Promise.race([givenUp, process.invoke(name, input)]);
      } finally {
        held.delete(end);
      }
    },
  };

  function signal(name: NodeJS.Signals): void {
    if (process.pid !== undefined) globalThis.process.kill(process.pid, name);
  }

  return {
    functions,
    async kill() {
      await process.kill();
      goOn();
    },
    async restart() {
      process.start();
      await process.ready();
    },
    suspend() {
      signal("SIGSTOP");
      heldThen = [...held.values()].filter((one) => one !== undefined);
      stopped = new AbortController();
      sleep(patienceMs, undefined, { signal: stopped.signal }).then(giveUp, () => {});
    },
    resume() {
      const taken = heldThen.filter(({ key }) => givenTo.get(key) !== functions);
      signal("SIGCONT");
      goOn();
      return new Set(taken.map(({ name }) => name)).size;
    },
  };
}
