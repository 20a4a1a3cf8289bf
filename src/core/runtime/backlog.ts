import { overloaded } from "./admission.ts";
import type { Limits } from "./limits.ts";
import type { System } from "./system.ts";

/** What waits for the store, and whether more may. */
export interface Backlog {
  /**
   * `queued`: what is in the queue of the command's entity already, or being settled.
   * @throws HoldfastError `overloaded` if the command would have to wait for longer than `storeWaitMs`
   */
  check(queued: number): void;
  /** That many more (or, below 0, fewer) are in the queues or being settled. */
  count(change: number): void;
  /** An append of that many commands begins; what is returned ends it, however it went. May be called again. */
  append(commands: number): () => void;
}

/** Requests that may wait in any case: behind so few, a guess says nothing. */
const floor = 64;

/** What has to have passed before the store's speed can be told, milliseconds. */
const leastMs = 100;

/**
 * Bounds the queues by the time that waiting in them takes. A bound on their length alone is too long for a slow store
 * (all that is accepted waits in vain, and goes on waiting after the rush) or too short for a fast one. The speed is what
 * was finished since the oldest append under way began: no average that is late, and none that remembers an idle hour.
 * While none is old enough the last bound holds, twice as high after each `storeWaitMs`.
 * One append that hangs beside others that are quick lowers nothing. Newest first: what was let in is finished.
 * Source: Little's law, L = λW.
 */
export function createBacklog(
  system: Pick<System, "now">,
  { storeWaitMs, requestsMax, requestsPerEntityMax }: Limits,
): Backlog {
  let waiting = 0;
  let finished = 0;
  // In the order of their beginning.
  const appends = new Set<{ readonly at: number; readonly finished: number; readonly commands: number }>();

  let measured = { at: -Infinity, most: requestsMax };

  function most(): number {
    const now = system.now();
    const [oldest] = appends;
    if (oldest !== undefined && now - oldest.at >= leastMs) {
      // With its own commands, as if it ended now: a large one is no standstill.
      const done = finished - oldest.finished + oldest.commands;
      const most = (done * storeWaitMs) / (now - oldest.at);
      measured = { at: now, most: Math.min(requestsMax, Math.max(floor, most)) };
      return measured.most;
    }
    // The queues may be empty for a moment in the midst of a rush, and be filled again before a speed is known.
    const doublings = (now - measured.at) / Math.max(1, storeWaitMs);
    return Math.min(requestsMax, measured.most * 2 ** doublings);
  }

  return {
    check(queued) {
      if (waiting < floor) return;
      const max = most();
      if (waiting >= max) throw overloaded(`${waiting} requests wait for the store already`);
      // One entity has the same share of fewer places: its rush is not to keep the others out.
      const share = Math.min(1, max / requestsMax) * requestsPerEntityMax;
      if (queued >= share) throw overloaded(`${queued} requests wait for this entity already`);
    },
    count(change) {
      waiting += change;
    },
    append(commands) {
      const begun = { at: system.now(), finished, commands };
      appends.add(begun);
      return () => {
        if (appends.delete(begun)) finished += commands;
      };
    },
  };
}
