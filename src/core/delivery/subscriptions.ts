import type { EntityDefinition } from "../entity/definition.ts";
import { eventId, type StoredEvent } from "../journal/format.ts";
import type { StoredRecord } from "../journal/port.ts";
import type { SubscriptionDefinition } from "../messaging/definition.ts";
import { matches, type Filter } from "../messaging/filter.ts";
import { runHandler } from "../messaging/handler.ts";
import type { DeliveredEvent } from "../messaging/types.ts";
import type { ConsumerSpec } from "./spec.ts";
import { dataOf, partsOf } from "./events.ts";
import type { DeliveryPorts } from "./ports.ts";
import { recordOf } from "./record-of.ts";

const nothing: readonly never[] = [];

/** The consumer of a subscription: events that it wants, to its handler. */
export function subscriptionConsumer(
  { runtime, journal, services }: DeliveryPorts,
  definition: SubscriptionDefinition,
): ConsumerSpec {
  const { wants, policy, handle } = definition;
  const name = subscriptionName(definition.name);
  const interests = new Map(
    [...wants].map(([entity, types]) => [entity, createInterest(runtime.app.entities.get(entity), types)]),
  );

  return {
    name,
    start: definition.from,
    policy,
    pick: ({ stream, record }) => interests.get(stream.entity)?.(record) ?? nothing,
    async run({ reference, record, message, attempt, stop, about, again = message?.again }) {
      const found = await recordOf(journal, reference, record);
      if (!found) return undefined;
      const { stream, record: stored } = found;
      const part = partsOf(stored, "events")[found.n - 1];
      // Erased in the meantime.
      if (!part) return undefined;
      const { of, entry, place } = part;
      const id = eventId(entry.id, place);
      const { entity, tenant, id: subject } = stream;
      const correlation = entry.correlation ?? entry.id;
      const event: DeliveredEvent = {
        id,
        type: `${entity}.${of.type}`,
        subject,
        data: dataOf(runtime.app.entities.get(entity)?.events.get(of.type), of),
        time: stored.time,
        version: stored.version - partsOf(stored, "events").length + found.n,
        tenant,
        correlation,
      };
      const context = { correlation, causation: id, ...(entry.trace !== undefined && { trace: entry.trace }) };
      const cause = { id, born: stored.time, tenant, context };
      const run = { handler: name, cause, attempt, timeoutMs: policy.timeoutMs, stop, about, again };
      await runHandler(runtime, services, run, (context, below) => handle(event, context, runtime, below));
      return undefined;
    },
  };
}

/** The consumer of a subscription; also the handler's name in keys, so that a replay has the same. */
export function subscriptionName(subscription: string): string {
  return `subscription:${subscription}`;
}

/** Which of a record's events are wanted. */
function createInterest(
  entity: EntityDefinition | undefined,
  types: ReadonlyMap<string, readonly Filter[]>,
): (record: StoredRecord) => readonly number[] {
  // As JSON.stringify writes it: most records are told by their text, which costs a tenth of reading them.
  const marks = [...types.keys()].map((type) => `"type":${JSON.stringify(type)}`);

  function isWanted(event: StoredEvent): boolean {
    const filters = types.get(event.type);
    if (filters === undefined) return false;
    try {
      const data = dataOf(entity?.events.get(event.type), event);
      return filters.some((filter) => matches(filter, data));
    } catch {
      // The handler's turn will say so: it waits for newer code, or it is poison, which must not stop the others.
      return true;
    }
  }

  return (record) => {
    if (!marks.some((mark) => record.entries.includes(mark))) return nothing;
    return partsOf(record, "events").flatMap(({ of }, i) => (isWanted(of) ? [i + 1] : []));
  };
}
