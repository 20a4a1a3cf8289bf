import { setTimeout as sleep } from "node:timers/promises";
import type { Functions, Invoke } from "@holdfast/aws-local";
import { pick } from "../workload.ts";

/** Several processes of the same functions: what Lambda chooses from. */
export interface Pool {
  /**
   * Invokes a handler in any process that runs; waits for one where none does. One that is stopped gets nothing new, as
   * Lambda gives nothing to who is busy; what it holds for longer than `patienceMs` is given up, and goes on all the
   * same when it wakes up: worse than Lambda, which ends it.
   */
  readonly invoke: Invoke;
  kill(number: number): Promise<void>;
  restart(number: number): Promise<void>;
  suspend(number: number): Promise<void>;
  /** Answers how many consumers had something that it held handed to another process meanwhile. */
  resume(number: number): number;
  /** Ends them all; answers what they did unasked. */
  stop(): Promise<readonly string[]>;
}

interface Member {
  readonly functions: Functions;
  isUp: boolean;
  isStopped: boolean;
  /** How each of its invocations is given up, and what it was invoked for. */
  readonly held: Map<(error: Error) => void, readonly Held[]>;
  /** What it held when it was stopped. */
  heldThen: readonly Held[];
  cancel?: () => void;
}

/** A message or a record that a handler was given, and whose. */
interface Held {
  readonly id: string;
  readonly consumer: string;
}

export interface PoolOptions {
  readonly random: () => number;
  /** Real milliseconds. */
  readonly patienceMs: number;
}

export function createPool(all: readonly Functions[], { random, patienceMs }: PoolOptions): Pool {
  const members: readonly Member[] = all.map((functions) => ({
    functions,
    isUp: true,
    isStopped: false,
    held: new Map(),
    heldThen: [],
  }));
  /** Who was given it last. */
  const givenTo = new Map<string, Member>();

  function memberAt(number: number): Member {
    const member = members[number];
    if (member === undefined) throw new Error(`There is no process ${number}.`);
    return member;
  }

  async function chosen(): Promise<Member> {
    for (;;) {
      const running = members.filter(({ isUp, isStopped }) => isUp && !isStopped);
      if (running.length > 0) return pick(random, running);
      await sleep(5);
    }
  }

  function signal(member: Member, name: "SIGSTOP" | "SIGCONT"): void {
    const { pid } = member.functions;
    member.cancel?.();
    delete member.cancel;
    member.isStopped = name === "SIGSTOP";
    if (pid !== undefined && member.isUp) process.kill(pid, name);
  }

  return {
    async invoke(name, event, seconds) {
      const member = await chosen();
      const held = heldIn(event);
      for (const { id } of held) givenTo.set(id, member);
      const { promise: givenUp, reject } = Promise.withResolvers<never>();
      member.held.set(reject, held);
      try {
        return await Promise.race([givenUp, member.functions.invoke(name, event, seconds)]);
      } finally {
        member.held.delete(reject);
      }
    },
    async kill(number) {
      const member = memberAt(number);
      member.isUp = false;
      await member.functions.kill();
      signal(member, "SIGCONT");
    },
    async restart(number) {
      const member = memberAt(number);
      member.functions.start();
      await member.functions.ready();
      member.isUp = true;
    },
    async suspend(number) {
      const member = memberAt(number);
      signal(member, "SIGSTOP");
      member.heldThen = [...member.held.values()].flat();
      const controller = new AbortController();
      member.cancel = () => controller.abort();
      void sleep(patienceMs, undefined, { signal: controller.signal }).then(
        () => {
          for (const giveUp of member.held.keys()) giveUp(new Error("The function has taken too long."));
        },
        () => {},
      );
    },
    resume(number) {
      const member = memberAt(number);
      const taken = member.heldThen.filter(({ id }) => givenTo.get(id) !== member);
      signal(member, "SIGCONT");
      return new Set(taken.map(({ consumer }) => consumer)).size;
    },
    async stop() {
      await Promise.all(members.map(({ functions }) => functions.stop()));
      return members.flatMap(({ functions: { failure } }) => (failure === undefined ? [] : [failure]));
    },
  };
}

interface Batch {
  readonly Records?: readonly {
    readonly messageId?: string;
    readonly eventID?: string;
    readonly eventSourceARN?: string;
  }[];
}

function heldIn(event: unknown): readonly Held[] {
  // Made by the mappings of queues and the stream; requests have no records.
  const { Records: records = [] } = event as Batch;
  return records.map(({ messageId, eventID = "", eventSourceARN: consumer = "stream" }) => {
    return { id: messageId ?? eventID, consumer };
  });
}
