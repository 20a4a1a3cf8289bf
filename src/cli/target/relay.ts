import type { App } from "../../core/app.ts";
import type { Bus, BusResults } from "../../core/broker/bus.ts";
import type { FailureStore } from "../../core/broker/failures.ts";
import { type Committed, createOutbox } from "../../core/broker/outbox.ts";
import { createRelay } from "../../core/broker/relay.ts";
import { isHoldfastError } from "../../core/errors.ts";
import type { Journal } from "../../core/journal/port.ts";
import { streamKey } from "../../core/runtime/live.ts";
import type { System } from "../../core/runtime/system.ts";
import { CliError, messageOf } from "../cli-error.ts";
import { attemptsMax, type Pause, pauseMs } from "./send-all.ts";

export interface RelayPorts {
  readonly app: App;
  readonly bus: Bus;
  readonly journal: Pick<Journal, "history">;
  readonly failures: Pick<FailureStore, "bury">;
  readonly system: System;
  /** Each stream's records in its order. */
  readonly pages: AsyncIterable<readonly Committed[]>;
  readonly pause: Pause;
  /** Is told how many records were relayed. */
  readonly report: (records: number) => void;
}

/** What was relayed. */
export interface RelayDone {
  readonly records: number;
  readonly events: number;
  /** To other entities, and that a timer may be due. */
  readonly messages: number;
  /** Records that cannot be read: they are among the dead letters. */
  readonly unreadable: number;
}

/** One attempt at a page, milliseconds. */
const attemptMs = 60_000;

/** Streams that are named where they could not be relayed. */
const namedMax = 5;

/**
 * Brings to the broker once more what the records hold, each stream's in its order. A stream of which the broker does not
 * take something is left there, and the others go on.
 * @throws CliError where something was not relayed, with where and why
 */
export async function relayAll(ports: RelayPorts): Promise<RelayDone> {
  const { pages, pause, report, system } = ports;
  const done = { records: 0, events: 0, messages: 0, unreadable: 0 };
  let reason: unknown;
  const noted = (fields: object): void => {
    if ("error" in fields) reason = fields.error;
  };
  /** Of a page: what the broker has. A record that is half sent begins anew, so this alone shows that it goes on. */
  const taken = new Set<string>();
  const noting = async (items: readonly { readonly id: string }[], sent: Promise<BusResults>): Promise<BusResults> => {
    const results = await sent;
    for (const [i, { id }] of items.entries()) if (results[i] === undefined) taken.add(id);
    return results;
  };
  const bus: Bus = {
    publish: (events) => noting(events, ports.bus.publish(events)),
    send: (consumer, messages) => noting(messages, ports.bus.send(consumer, messages)),
  };
  // With no memory of its own: everything is new to it.
  const relay = createRelay({
    ...ports,
    bus,
    system: { ...system, log: { ...system.log, warn: noted, error: noted } },
  });
  const outbox = createOutbox(ports.app);

  function count(committed: Committed): void {
    done.records++;
    try {
      for (const { kind } of outbox(committed)) done[kind === "event" ? "events" : "messages"]++;
    } catch {
      done.unreadable++;
    }
  }

  /** What is left when the broker takes nothing further. */
  async function insist(records: readonly Committed[]): Promise<readonly Committed[]> {
    let left = records;
    for (let attempt = 1; left.length > 0; ) {
      const before = taken.size - left.length;
      left = await relay.relay(left, system.now() + attemptMs);
      if (left.length === 0) break;
      attempt = taken.size - left.length > before ? 1 : attempt + 1;
      if (attempt > attemptsMax || (attempt > 1 && !mayPass(reason))) break;
      await pause(pauseMs(attempt));
    }
    return left;
  }

  const stuck = new Map<string, Committed>();
  for await (const page of pages) {
    const records = page.filter(({ stream }) => !stuck.has(streamKey(stream)));
    taken.clear();
    const left = await insist(records);
    for (const committed of left) {
      const key = streamKey(committed.stream);
      if (!stuck.has(key)) stuck.set(key, committed);
    }
    const remaining = new Set(left);
    for (const committed of records) if (!remaining.has(committed)) count(committed);
    report(done.records);
    // Of a broker that takes nothing at all, whatever it is, nothing is to be expected for the rest.
    if (records.length > 0 && left.length === records.length && !isOfMessage(reason)) break;
  }
  if (stuck.size > 0) throw notRelayed(done, [...stuck.values()], reason);
  return done;
}

function mayPass(error: unknown): boolean {
  return !isHoldfastError(error) || error.retry === "later";
}

/** It is the message that the broker does not take. */
function isOfMessage(error: unknown): boolean {
  return isHoldfastError(error, "message-too-large") || isHoldfastError(error, "message-refused");
}

function notRelayed({ records }: RelayDone, stuck: readonly Committed[], error: unknown): CliError {
  const reason = messageOf(error);
  const named = stuck.slice(0, namedMax).map(({ stream, record }) => {
    return `${stream.entity} "${stream.id}" of tenant ${stream.tenant} from record ${record.sequence} on`;
  });
  const more = stuck.length > namedMax ? [`and ${stuck.length - namedMax} more streams`] : [];
  return new CliError(
    [`${records} records were relayed. Not relayed: ${reason}`, ...[...named, ...more].map((line) => `  ${line}`)]
      .concat("Run it again: what is there already has no second effect.")
      .join("\n"),
  );
}
