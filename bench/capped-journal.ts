import { setTimeout as sleep } from "node:timers/promises";
import type { LocalJournal } from "./journal.ts";

export interface CappedJournal extends LocalJournal {
  /** Commands that are stored per second from now on. Default: any number. */
  cap(perSecond: number): void;
}

const beatMs = 20;

/**
 * A store that is slower than it is offered. A token per command, not per append: one record holds all commands of a
 * group, so that a cap on appends would be none. Appends pass in the order in which they came, and the bucket is empty:
 * what was not used a moment ago cannot be used now. Reads pass; they are not what is short.
 */
export function createCappedJournal(journal: LocalJournal): CappedJournal {
  let msPerCommand = 0;
  let free = 0;
  return {
    ...journal,
    cap(perSecond) {
      msPerCommand = 1_000 / perSecond;
    },
    async append(append) {
      // An array of entries, one per command: docs/format.md.
      const commands = (JSON.parse(append.record.entries) as readonly unknown[]).length;
      const now = performance.now();
      // By the plan, not by when a timer fires: a late timer takes nothing from the cap.
      free = Math.max(free, now) + commands * msPerCommand;
      // In beats, so that a beat's records share a transaction: the disk must not be what is measured.
      const turn = Math.ceil(free / beatMs) * beatMs;
      if (msPerCommand > 0 && turn > now) await sleep(turn - now);
      return journal.append(append);
    },
  };
}
