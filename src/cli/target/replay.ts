import type { App } from "../../core/app.ts";
import type { Bus, Parcel } from "../../core/broker/bus.ts";
import type { Committed } from "../../core/broker/outbox.ts";
import { referenceBody } from "../../core/broker/wire.ts";
import type { ReplayRequest } from "../../core/delivery/port.ts";
import { subscriptionConsumer, subscriptionName } from "../../core/delivery/subscriptions.ts";
import type { Journal } from "../../core/journal/port.ts";
import type { SubscriptionDefinition } from "../../core/messaging/definition.ts";
import { createRuntime } from "../../core/runtime/runtime.ts";
import { CliError } from "../cli-error.ts";
import { type Pause, sendAll } from "./send-all.ts";

export interface ReplayPorts {
  readonly app: App;
  readonly journal: Journal;
  readonly bus: Pick<Bus, "send">;
  /** Each stream's records in its order. */
  readonly pages: AsyncIterable<readonly Committed[]>;
  readonly pause: Pause;
  /** Is told how many events were looked at. */
  readonly report: (events: number) => void;
}

/** The subscription of that name. @throws CliError with those that there are */
export function subscriptionOf(app: App, name: string): SubscriptionDefinition {
  const definition = app.subscriptions.get(name);
  if (definition) return definition;
  const others = [...app.subscriptions.keys()].toSorted();
  const there = others.length === 0 ? "It has none." : `It has ${others.join(", ")}.`;
  throw new CliError(`The app has no subscription "${name}". ${there}`, 2);
}

/**
 * Puts references to the events that a subscription wants, up to when the replay was asked for, into that subscription's
 * queue and no other. What is so old that its effects may be forgotten is counted, not sent, unless the keys are new.
 * @throws CliError where the queue does not take an event
 */
export async function replayInto(
  { app, journal, bus, pages, pause, report }: ReplayPorts,
  { id, subscription, entity, since = 0, again, created }: ReplayRequest,
): Promise<{ readonly events: number; readonly skipped: number }> {
  const definition = subscriptionOf(app, subscription);
  const runtime = createRuntime(app, { journal });
  // Only its filter is asked; nothing is handled here.
  const { pick } = subscriptionConsumer({ runtime, journal, services: {} }, definition);
  const oldest = again ? 0 : created - runtime.limits.keys.derivedMs;
  let events = 0;
  let skipped = 0;

  const parcelsOf = ({ stream, record }: Committed): readonly Parcel[] => {
    if (record.time < since || record.time > created) return [];
    if (entity !== undefined && stream.entity !== entity) return [];
    const wanted = pick?.({ stream, record }) ?? [];
    if (record.time < oldest) {
      skipped += wanted.length;
      return [];
    }
    return wanted.map((n) => ({
      stream,
      // Of this replay alone: the broker remembers for some minutes what it was sent.
      id: `${id}-${record.id}-${n}`,
      body: referenceBody({ stream, sequence: record.sequence, n, ...(again && { again: id }) }),
    }));
  };

  try {
    for await (const page of pages) {
      const parcels = page.flatMap(parcelsOf);
      const errors = await sendAll(bus, subscriptionName(subscription), parcels, pause);
      events += errors.filter((error) => error === undefined).length;
      const error = errors.find((one) => one !== undefined);
      if (error) throw stopped(events, error.message);
      report(events + skipped);
    }
  } finally {
    await runtime.close();
  }
  return { events, skipped };
}

function stopped(events: number, reason: string): CliError {
  return new CliError(
    `The replay has stopped: ${reason}\n${events} events are in the queue. Run it again: under the same keys nothing has its effect twice.`,
  );
}
