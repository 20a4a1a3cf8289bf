import { HoldfastError, refusal } from "../../core/errors.ts";
import { isBusy, isDefinite, translated } from "./errors.ts";
import type { SqliteOptions } from "./options.ts";
import type { Statements } from "./statements.ts";

export interface Group {
  /**
   * Runs `work` inside a transaction that it shares with whatever else is pending, and resolves with its result once
   * that is committed. If a member of the group throws, each runs again in a transaction of its own: fates are not
   * shared, and `work` must not mind running twice.
   * @throws HoldfastError definite where nothing was stored (`overloaded`: too many wait, or a lock lasts too long),
   * `outcome-unknown` where SQLite could not say
   */
  write<T>(work: () => T): Promise<T>;
  /** Resolves when nothing is pending. */
  idle(): Promise<void>;
  /** Transactions committed so far. */
  transactions(): number;
}

interface Pending {
  readonly work: () => unknown;
  readonly until: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** What a group tells the journal. */
export interface GroupListeners {
  /** Something that `work` did was rolled back. */
  readonly undone: () => void;
  /** All that `work` did since the last call of either is stored. */
  readonly committed: () => void;
}

/** Groups writes: what is pending when the event loop comes round shares one transaction and one fsync. */
export function createGroup(sql: Statements, options: SqliteOptions, { undone, committed }: GroupListeners): Group {
  const { file, system, appendTimeoutMs = 10_000, groupMax = 256, pendingMax = 16_384 } = options;
  let queue: Pending[] = [];
  let scheduled = false;
  let transactions = 0;
  let attempts = 0;
  let waiting: (() => void)[] = [];

  function schedule(delayMs: number): void {
    scheduled = true;
    if (delayMs === 0) system.soon(flush);
    else system.after(delayMs, flush);
  }

  function flush(): void {
    scheduled = false;
    try {
      sql.begin.run();
    } catch (error) {
      if (isBusy(error)) return waitForLock();
      failAll(queue.splice(0), translated(error, file));
      return settleIdle();
    }
    attempts = 0;
    const group = queue.splice(0, groupMax);
    if (!runTogether(group)) runOneByOne(group);
    if (queue.length > 0) schedule(0);
    else settleIdle();
  }

  /** False if one of them failed: then all is undone, and each has to run alone, to fail or succeed on its own. */
  function runTogether(group: readonly Pending[]): boolean {
    const results: unknown[] = [];
    try {
      for (const { work } of group) results.push(work());
    } catch (error) {
      undo();
      if (group.length > 1) return false;
      failAll(group, translated(error, file));
      return true;
    }
    commit(group, results);
    return true;
  }

  /** Each in a transaction of its own. Where another process is quicker, the rest waits for its turn, in its order. */
  function runOneByOne(group: readonly Pending[]): void {
    for (const [i, pending] of group.entries()) {
      try {
        sql.begin.run();
      } catch (error) {
        if (isBusy(error)) {
          queue = [...group.slice(i), ...queue];
          return;
        }
        failAll([pending], translated(error, file));
        continue;
      }
      runTogether([pending]);
    }
  }

  /** Ends the transaction without a trace. False if SQLite had ended it by itself. */
  function undo(): boolean {
    undone();
    try {
      sql.rollback.run();
      return true;
    } catch {
      return false;
    }
  }

  function commit(group: readonly Pending[], results: readonly unknown[]): void {
    try {
      sql.commit.run();
      transactions++;
    } catch (error) {
      // Rolled back by us: certainly not committed. Else SQLite ended it by itself, and only some codes say how.
      const definite = undo() || isDefinite(error);
      const cause = translated(error, file);
      const unknown = new HoldfastError("outcome-unknown", "The commit failed.", { retry: "later", cause });
      return failAll(group, definite ? cause : unknown);
    }
    committed();
    for (const [i, { resolve }] of group.entries()) resolve(results[i]);
  }

  /** Another process writes: wait without blocking, and refuse what has waited too long. */
  function waitForLock(): void {
    const now = system.now();
    const late = queue.filter(({ until }) => until <= now);
    queue = queue.filter(({ until }) => until > now);
    failAll(late, overloaded(`The journal was locked by another process for ${appendTimeoutMs} ms.`));
    if (queue.length === 0) return settleIdle();
    attempts++;
    schedule(Math.min(50, 1 + attempts) * (0.5 + system.random()));
  }

  function failAll(group: readonly Pending[], error: HoldfastError): void {
    for (const { reject } of group) reject(error);
  }

  function settleIdle(): void {
    const resolves = waiting;
    waiting = [];
    for (const resolve of resolves) resolve();
  }

  return {
    write<T>(work: () => T) {
      return new Promise<T>((resolve, reject) => {
        if (queue.length >= pendingMax) {
          return reject(overloaded(`${pendingMax} writes wait for the journal already; this one was not stored.`));
        }
        // `resolve` gets what `work` returned.
        queue.push({ work, until: system.now() + appendTimeoutMs, resolve: resolve as Pending["resolve"], reject });
        if (!scheduled) schedule(0);
      });
    },
    idle: () => new Promise((resolve) => (queue.length === 0 && !scheduled ? resolve() : void waiting.push(resolve))),
    transactions: () => transactions,
  };
}

function overloaded(message: string): HoldfastError {
  return refusal("overloaded", message, 1_000);
}
