import { streamKey } from "../runtime/live.ts";
import type { System } from "../runtime/system.ts";
import type { Marks } from "./marks.ts";
import type { Committed } from "./outbox.ts";
import type { Relay } from "./relay.ts";

/** Publishes what this process has committed, without anybody waiting for it. */
export interface Publisher {
  publish(committed: Committed): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

export interface PublisherPorts {
  readonly relay: Relay;
  readonly marks: Marks;
  readonly system: System;
}

/** How long one attempt may last, milliseconds. */
const publishMs = 30_000;

/** Attempts at once. What comes meanwhile goes together with the next one: fewer requests, and no wait where there is none. */
const attemptsMax = 2;

/** Records that may wait. More are left to their wake-ups. */
const waitingMax = 10_000;

/**
 * Streams side by side, the records of one in their order, one attempt at a time. What fails, or does not fit in, is left
 * to its wake-up, or to the stream's next record, which finds it missing.
 */
export function createPublisher({ relay: { relay }, marks, system }: PublisherPorts): Publisher {
  const waiting = new Map<string, Committed[]>();
  const busy = new Set<string>();
  let count = 0;
  let attempts = 0;
  let planned = false;
  let whenIdle: (() => void)[] = [];

  function plan(): void {
    if (planned) return;
    planned = true;
    system.soon(begin);
  }

  function begin(): void {
    planned = false;
    // Whoever ends plans the next one.
    if (attempts >= attemptsMax) return;
    const free = [...waiting].filter(([key]) => !busy.has(key));
    for (const [key, records] of free) {
      waiting.delete(key);
      count -= records.length;
      busy.add(key);
    }
    if (free.length > 0) void attempt(free);
    else checkIdle();
  }

  async function attempt(streams: readonly (readonly [key: string, records: readonly Committed[]])[]): Promise<void> {
    attempts++;
    await relay(
      streams.flatMap(([, records]) => records),
      system.now() + publishMs,
    );
    attempts--;
    for (const [key] of streams) busy.delete(key);
    if (waiting.size > 0) plan();
    else checkIdle();
  }

  function checkIdle(): void {
    if (busy.size > 0 || waiting.size > 0) return;
    for (const resolve of whenIdle) resolve();
    whenIdle = [];
  }

  return {
    publish(committed) {
      const key = streamKey(committed.stream);
      // Where it is not known how far publishing has got, earlier records may be missing.
      if (marks.get(key) === undefined || count >= waitingMax) return;
      const others = waiting.get(key);
      if (others) others.push(committed);
      else waiting.set(key, [committed]);
      count++;
      plan();
    },
    idle: () =>
      new Promise((resolve) => {
        whenIdle.push(resolve);
        plan();
      }),
  };
}
