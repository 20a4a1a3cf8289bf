import { HoldfastError } from "../errors.ts";
import type { Journal, StreamId } from "../journal/port.ts";
import { deliveryPolicy } from "../messaging/policy.ts";
import { createLru } from "../runtime/lru.ts";
import { streamKey } from "../runtime/live.ts";
import type { System } from "../runtime/system.ts";
import type { ConsumerSpec } from "../delivery/spec.ts";
import type { Bus } from "./bus.ts";
import type { Marks, MarkStore } from "./marks.ts";
import type { Committed } from "./outbox.ts";
import { rowOf, type QueueConsumer } from "./receive.ts";
import type { Relay } from "./relay.ts";
import { readWakeUp, wakeUpBody } from "./wire.ts";

/** The consumer, and the queue, of wake-ups. */
export const wakeUps = "wakeups";

/** For how long a wake-up covers what its process begins to append, milliseconds. */
const coverMs = 30_000;

/**
 * When it is due, milliseconds after it was sent: what it covers has been stored by then, or never will be, since appends
 * are given up after 10 s and a store forgets requests after 30 s.
 */
const dueMs = 90_000;

/** An append that is stored later than this after its wake-up was scheduled gets another one, milliseconds. */
const lateMs = 60_000;

/** Streams whose last wake-up is remembered; others get one more. */
const streamsMax = 20_000;

/** Records of one query. */
const pageMax = 100;

export interface OutboxPorts {
  readonly journal: Journal;
  readonly bus: Pick<Bus, "send">;
  readonly marks: Marks;
  readonly system: System;
  /** Is told of what was stored. */
  publish(committed: Committed): void;
}

/**
 * A journal for stores that tell nobody of their records. Before it appends what others are to hear of, it has a wake-up
 * for the stream scheduled, one at most in 30 s; afterwards it has the record published, while the reply goes out. So
 * whatever happens in between, somebody comes and looks. An append whose wake-up cannot be scheduled is refused.
 */
export function createOutboxJournal({ journal, bus, marks, system, publish }: OutboxPorts): Journal {
  const covered = createLru<number>(streamsMax, Number.MAX_SAFE_INTEGER);

  /** Answers since when it is covered, epoch milliseconds. */
  async function cover(stream: StreamId, after: number): Promise<number> {
    const key = streamKey(stream);
    const now = system.now();
    const since = covered.get(key);
    // A clock that was set back covers nothing.
    if (since !== undefined && now >= since && now - since < coverMs) return since;
    const body = wakeUpBody({ stream, after, due: now + dueMs });
    const [error] = await bus.send(wakeUps, [{ id: system.newId(), body, notBefore: now + dueMs }]);
    if (error) throw error;
    covered.set(key, now, 1);
    return now;
  }

  /** A process may stand still between wake-up and append for longer than its wake-up waits. */
  async function coverAgain({ stream, record }: Committed): Promise<void> {
    try {
      await cover(stream, record.sequence - 1);
    } catch (error) {
      system.log.warn({ stream, error }, "a record took long to be stored, and no other wake-up could be scheduled");
    }
  }

  return {
    ...journal,
    async load(stream, after) {
      const loaded = await journal.load(stream, after);
      if (loaded.published !== undefined) marks.raise(streamKey(stream), loaded.published);
      return loaded;
    },
    async append(append) {
      const { stream, record } = append;
      const since = hasNews(record.entries) ? await cover(stream, record.sequence - 1) : undefined;
      const published = marks.get(streamKey(stream));
      const result = await journal.append({ ...append, ...(published !== undefined && { published }) });
      if (result !== "stored") return result;
      if (since !== undefined && system.now() - since >= lateMs) await coverAgain({ stream, record });
      publish({ stream, record });
      return result;
    },
  };
}

/** Whether a record may hold something for others; told by its text, since every append is asked. */
function hasNews(entries: string): boolean {
  return entries.includes('"events":[') || entries.includes('"messages":[') || entries.includes('"timers":[');
}

export interface WakeUpPorts {
  readonly journal: MarkStore;
  readonly relay: Relay;
  readonly marks: Marks;
  readonly system: System;
}

/** The queue of wake-ups: each publishes what its stream has not published, and notes how far that is. */
export function wakeUpsQueue(ports: WakeUpPorts): QueueConsumer {
  const spec = wakeUpsConsumer(ports);
  return {
    concurrency: spec.policy.concurrency,
    read: (message) => ({ spec, work: { reference: undefined, message: rowOf(message) } }),
  };
}

function wakeUpsConsumer({ journal, relay: { relay }, marks, system }: WakeUpPorts): ConsumerSpec {
  const policy = deliveryPolicy(wakeUps, { concurrency: 32 });
  return {
    name: wakeUps,
    start: "now",
    policy,
    async run({ message }) {
      const { stream, after, due } = readWakeUp(message?.body ?? "");
      if (system.now() < due) return { again: { due } };
      const deadline = system.now() + policy.timeoutMs;
      for (;;) {
        const { published, records } = await journal.unpublished(stream, pageMax);
        marks.raise(streamKey(stream), published);
        const left = await relay(
          records.map((record) => ({ stream, record })),
          deadline,
        );
        if (left.length > 0) throw unpublished(stream, left.length);
        const reached = records.at(-1)?.sequence ?? published;
        if (reached > published) await journal.setPublished(stream, reached);
        if (records.length === pageMax) continue;
        // Nothing was stored since: whoever wanted to may have been held up, or have a clock that is behind. Once more.
        return reached <= after && system.now() < due + dueMs ? { again: { due: due + dueMs } } : undefined;
      }
    },
  };
}

function unpublished({ entity, id }: StreamId, count: number): HoldfastError {
  const message = `${count} records of ${entity} "${id}" could not be published yet.`;
  return new HoldfastError("overloaded", message, { retry: "later" });
}
