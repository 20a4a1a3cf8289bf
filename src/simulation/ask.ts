import { HoldfastError, isHoldfastError } from "../core/errors.ts";
import type { Cluster, Member } from "./cluster.ts";
import type { Site } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";

/** Whoever asks a cluster for something over a bad network. */
export interface Asker {
  /**
   * Asks some instance, and again while the outcome is open.
   * @param told what is counted as the answer
   * @throws HoldfastError what is no outcome; `outcome-unknown` when patience has ended
   */
  ask<T>(what: string, work: (member: Member) => Promise<T>, told: (answer: T) => string): Promise<T>;
  /** Asks once, later; nobody hears of the answer. */
  askAgain(afterMs: number, work: (member: Member) => Promise<unknown>): void;
}

export interface AskerPorts {
  readonly scheduler: Scheduler;
  readonly cluster: Cluster;
  /** What whoever asks was told, and how often. */
  readonly answers: Record<string, number>;
  note(who: string, what: string): void;
}

/** Attempts of a request before a client gives up. */
const attemptsMax = 12;
/** How long a client waits for an answer, milliseconds. */
const patienceMs = 4_000;
const latencyMs = 5;

const noAnswer: unique symbol = Symbol("no answer");

export function createAsker({ scheduler, cluster, answers, note }: AskerPorts, name: string, network: Site): Asker {
  /** Sends a request to some instance. `noAnswer` where it, or what it says, does not arrive in time. */
  function send<T>(work: (member: Member) => Promise<T>, cut: boolean): Promise<T | typeof noAnswer> {
    return new Promise((resolve, reject) => {
      const cutThere = cut && network.random() < 0.5;
      const impatience = scheduler.after(patienceMs, () => resolve(noAnswer));
      const back = (settle: () => void): void => {
        if (cut) return;
        impatience();
        scheduler.after(latencyMs * network.random(), settle);
      };
      scheduler.after(latencyMs * network.random(), () => {
        const member = cluster.pick(network.random);
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

  function count(told: string): void {
    answers[told] = (answers[told] ?? 0) + 1;
  }

  return {
    async ask(what, work, told) {
      for (let attempt = 1; attempt <= attemptsMax; attempt++) {
        try {
          const answer = await send(work, network.pick(["cut"]) !== undefined);
          if (answer !== noAnswer) {
            count(told(answer));
            return answer;
          }
        } catch (error) {
          if (!isHoldfastError(error) || error.retry !== "later") {
            count(isHoldfastError(error) ? error.code : "unknown");
            throw error;
          }
        }
        await scheduler.sleep(50 * 2 ** Math.min(attempt, 6) * (0.5 + network.random()));
      }
      note(name, `gives up: ${what}`);
      count("outcome-unknown");
      throw new HoldfastError("outcome-unknown", `The outcome of ${what} is not known.`, { retry: "later" });
    },
    askAgain(afterMs, work) {
      scheduler.after(afterMs, () => void send(work, false).catch(() => {}));
    },
  };
}
