import { HoldfastError, isHoldfastError } from "../errors.ts";
import type { Journal, StoredRecord } from "../journal/port.ts";
import { attempt, type Result } from "../delivery/attempt.ts";
import type { DeadLetter, QueuedMessage } from "../delivery/port.ts";
import type { ConsumerSpec, Work } from "../delivery/spec.ts";
import type { Failures } from "../messaging/policy.ts";
import type { System } from "../runtime/system.ts";
import type { Bus } from "./bus.ts";
import { createCatchUp } from "./catch-up.ts";
import type { FailureStore } from "./failures.ts";
import type { PlaceStore } from "./places.ts";
import type { Referred } from "./wire.ts";

/** A message as a broker hands it out. */
export interface Message {
  /** The broker's own, the same at every delivery. */
  readonly id: string;
  /** Messages of one group are handled one after the other, in their order. Absent: a group of its own. */
  readonly group?: string | undefined;
  /** How often it has been handed out, this time included. */
  readonly receives: number;
  readonly body: string;
  readonly attributes: { readonly [name: string]: string };
  /** When it was sent, epoch milliseconds. */
  readonly sent: number;
}

/**
 * What the host is to tell the broker: that the message is done, or that it comes again, after a while. Once one of a
 * group comes again, all that follow in the group do, untried.
 */
export type Outcome =
  | { readonly kind: "done" }
  | {
      readonly kind: "again";
      readonly delayMs: number;
      /** Some of what it asks for is done, so that it comes again is no sign of an outage. */
      readonly progressed?: true;
    };

/** What a queue is for. */
export interface QueueConsumer {
  /** Groups handled at once. */
  readonly concurrency: number;
  /** `beginning`: what is older than the queue is handled, too, before what is newer of its stream. */
  readonly start?: ConsumerSpec["start"];
  /** What a message asks for; undefined: nothing any more. @throws HoldfastError for one that cannot be read: it is dead at once */
  read(message: Message): Task | undefined;
}

/**
 * How many messages a host takes at once, and how many such batches it handles side by side: two or more, since a batch
 * lasts as long as its slowest message.
 */
export function batchesOf(concurrency: number): { readonly size: number; readonly parallel: number } {
  const parallel = Math.min(concurrency, Math.max(2, Math.ceil(concurrency / batchMax)));
  return { size: Math.floor(concurrency / parallel), parallel };
}

/** Messages of one batch. Source: the most that Amazon SQS hands out at once. */
const batchMax = 10;

/** A message with what it asks for. */
export interface Task {
  readonly spec: ConsumerSpec;
  /** What it refers to in the journal, and of a replay its id; or the message as a row would hold it. */
  readonly work: Pick<Work, "reference" | "message" | "again"> & Pick<Referred, "catchUp" | "isPublished">;
}

export interface ReceivePorts {
  readonly bus: Pick<Bus, "send">;
  readonly failures: FailureStore;
  readonly places: PlaceStore;
  readonly journal: Journal;
  readonly system: System;
}

/** How much of the host's time is left for telling the broker, milliseconds. */
export const marginMs = 1_000;

const done: Outcome = { kind: "done" };

/** A handler ends by its own time-out, before its host does. */
const never: AbortSignal = new AbortController().signal;

/**
 * Handles what a broker has handed out at once, groups side by side. What cannot be done before `deadline` (epoch
 * milliseconds) is not begun. Never rejects.
 */
export function createReceiver(
  ports: ReceivePorts,
): (
  consumer: string,
  messages: readonly Message[],
  queue: QueueConsumer,
  deadline: number,
) => Promise<readonly Outcome[]> {
  const { bus, failures, journal, system } = ports;
  const catchUp = createCatchUp(ports);

  return async (consumer, messages, queue, deadline) => {
    const given = deadline - marginMs - system.now();
    const outcomes = new Map<Message, Outcome>();
    const groups = new Map<string | Message, Message[]>();
    for (const message of messages) {
      const { group = message } = message;
      groups.set(group, [...(groups.get(group) ?? []), message]);
    }

    async function handleGroup(group: readonly Message[]): Promise<void> {
      let again: Outcome | undefined;
      for (const message of group) {
        const outcome: Outcome = again ?? (await handle(message).catch((error: unknown) => unhandled(message, error)));
        outcomes.set(message, outcome);
        if (outcome.kind === "again") again = outcome;
      }
    }

    async function handle(message: Message): Promise<Outcome> {
      const task = read(queue, message);
      if (task === undefined) return done;
      if (task instanceof Error) {
        const before = await failuresOf(message, message.id);
        const work = { reference: undefined, message: rowOf(message) };
        return giveUp(message, work, dead(task, before, system.now()));
      }
      const { spec, work } = task;
      const own = (record?: StoredRecord): Promise<Outcome> => handleOne(message, message.id, spec, work, record);
      if (queue.start !== "beginning" || work.reference === undefined || work.again !== undefined) return own();
      return catchUp(
        { ...work, reference: work.reference, spec, own, until: deadline - marginMs },
        (missed, record) => {
          const id = `${message.id}/${missed.sequence}/${missed.n}`;
          return handleOne(message, id, spec, { reference: missed }, record);
        },
      );
    }

    function failuresOf({ receives }: Message, id: string): Promise<Failures | undefined> | undefined {
      return receives > 1 ? failures.failures(consumer, id) : undefined;
    }

    /** @param id of what is handled, for its failures */
    async function handleOne(
      message: Message,
      id: string,
      spec: ConsumerSpec,
      work: Task["work"],
      record?: StoredRecord,
    ): Promise<Outcome> {
      const before = await failuresOf(message, id);
      const { timeoutMs } = spec.policy;
      if (timeoutMs > given) throw hostTooShort(spec, given);
      if (timeoutMs > deadline - marginMs - system.now()) return { kind: "again", delayMs: 0 };
      const asked = { ...work, reference: work.reference, ...(record && { record }), stop: never };
      const result = await attempt(withRecord(spec), system, asked, before);
      if (result.kind === "dead") return giveUp(message, work, result, spec);
      if (result.kind === "retry") return comeAgain(id, spec, result);
      return result.due === undefined ? done : postpone(message, result.due);
    }

    async function comeAgain(
      id: string,
      { policy }: ConsumerSpec,
      { failures: count, due }: Result & { kind: "retry" },
    ): Promise<Outcome> {
      // Its age is counted from the first failure; the row lives a little longer than the message may.
      await failures.saveFailures(consumer, id, count, count.since + policy.maxAgeMs + dayMs);
      return { kind: "again", delayMs: Math.max(0, due - system.now()) };
    }

    /** It is there again later, as a message of its own. */
    async function postpone({ id, body, attributes }: Message, due: number): Promise<Outcome> {
      const [error] = await bus.send(consumer, [{ id: `${id}-${due}`, body, attributes, notBefore: due }]);
      if (error) throw error;
      return done;
    }

    async function giveUp(
      message: Message,
      { reference, message: row, again }: Task["work"],
      { failures: count, reason }: Result & { kind: "dead" },
      spec?: ConsumerSpec,
    ): Promise<Outcome> {
      const { id: _id, failures: _failures, ...rest } = row ?? rowOf(message);
      const letter: Omit<DeadLetter, "id"> = {
        ...(reference ?? rest),
        ...(again !== undefined && { again }),
        consumer: spec?.name ?? consumer,
        created: system.now(),
        failures: count,
        reason,
      };
      await failures.bury(letter);
      return done;
    }

    /** No handler's failure: the store or the broker did not answer. It counts as no attempt. */
    function unhandled({ id, receives }: Message, error: unknown): Outcome {
      const delayMs = Math.min(delayMaxMs, 1_000 * 2 ** Math.min(receives, 10));
      system.log.warn({ consumer, message: id, error }, `${consumer} could not go on; it tries again in ${delayMs} ms`);
      return { kind: "again", delayMs };
    }

    const waiting = [...groups.values()].values();
    const work = async (): Promise<void> => {
      for (const group of waiting) await handleGroup(group);
    };
    await Promise.all(Array.from({ length: Math.min(groups.size, queue.concurrency) }, work));
    return messages.map((message) => outcomes.get(message) ?? done);
  };

  /** Reads what it refers to first: a filter may have been another one when the broker took the message. */
  function withRecord(spec: ConsumerSpec): ConsumerSpec {
    return {
      ...spec,
      async run(work) {
        const { reference } = work;
        if (reference === undefined) return spec.run(work);
        const { stream, sequence, n } = reference;
        const record = work.record ?? (await journal.record(stream, sequence));
        if (record === undefined) {
          const what = `record ${sequence} of ${stream.entity} "${stream.id}"`;
          throw new HoldfastError("unknown-record", `The message refers to ${what}, which the journal does not have.`);
        }
        if (spec.pick && !spec.pick({ stream, record }).includes(n)) return undefined;
        return spec.run({ ...work, record });
      },
    };
  }
}

function hostTooShort({ name, policy }: ConsumerSpec, given: number): HoldfastError {
  const needed = policy.timeoutMs + marginMs;
  return new HoldfastError(
    "host-too-short",
    `${name} may take ${policy.timeoutMs} ms, but its host ends after ${given + marginMs} ms. Give the host ${needed} ms or more, or lower timeoutMs.`,
    { retry: "later" },
  );
}

const dayMs = 86_400_000;
const delayMaxMs = 300_000;

function read(queue: QueueConsumer, message: Message): Task | HoldfastError | undefined {
  try {
    return queue.read(message);
  } catch (error) {
    if (isHoldfastError(error)) return error;
    throw error;
  }
}

/** As a row of the local store would hold it. */
export function rowOf({ id, body, attributes, sent }: Message): QueuedMessage {
  const { [idAttribute]: name = id, ...rest } = attributes;
  const hasRest = Object.keys(rest).length > 0;
  return { id: 0, name, body, created: sent, ...(hasRest && { attributes: JSON.stringify(rest) }) };
}

/** Holds the id that a sender, or an earlier life of the message, has given it. */
export const idAttribute = "messageid";

function dead(error: HoldfastError, before: Failures | undefined, now: number): Result & { readonly kind: "dead" } {
  const since = before?.since ?? now;
  const { code, message } = error;
  return {
    kind: "dead",
    failures: { attempts: (before?.attempts ?? 0) + 1, since },
    reason: { code, message },
    due: undefined,
    body: undefined,
  };
}
