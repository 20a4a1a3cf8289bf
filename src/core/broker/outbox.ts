import type { App } from "../app.ts";
import { dataOf, entriesOf, partsOf } from "../delivery/events.ts";
import type { PositionedRecord } from "../delivery/port.ts";
import { envelopesOf } from "../messaging/envelope.ts";
import { fieldOf, type Scalar } from "../messaging/filter.ts";
import type { StoredEvent } from "../journal/format.ts";
import type { Parcel, Publication } from "./bus.ts";
import { referenceBody, timerBody } from "./wire.ts";

/** A record with its stream. */
export type Committed = Omit<PositionedRecord, "position">;

/** One thing that a record holds for others. */
export type Outgoing =
  | { readonly kind: "event"; readonly publication: Publication }
  | { readonly kind: "message"; readonly consumer: "sends" | "timers"; readonly parcel: Parcel };

/**
 * What a record holds for others, in its order: events for the topic, messages to other entities, and that a timer may be
 * due.
 */
export function createOutbox(app: App): (committed: Committed) => readonly Outgoing[] {
  const carried = carriedFields(app);

  function fieldsOf(entity: string, event: StoredEvent): ReadonlyMap<string, Scalar> | undefined {
    const fields = new Map<string, Scalar>();
    const names = carried.get(`${entity}.${event.type}`) ?? [];
    if (names.length === 0) return fields;
    try {
      const data = dataOf(app.entities.get(entity)?.events.get(event.type), event);
      for (const name of names) {
        const value = fieldOf(data, name);
        if (value !== undefined) fields.set(name, value);
      }
      return fields;
    } catch {
      // Newer code wrote it, or it is poison: both are for the subscriptions to find.
      return undefined;
    }
  }

  return ({ stream, record }) => {
    const { sequence } = record;
    const events = partsOf(record, "events");
    const definitions = app.entities.get(stream.entity)?.events;
    const outgoing: Outgoing[] = envelopesOf(stream, record).flatMap((envelope, i) => {
      const { id, type } = envelope;
      // Both lists are of the same events, in the same order.
      const { of } = events[i] as (typeof events)[number];
      if (definitions?.get(of.type)?.unpublished) return [];
      const publication = { stream, id, type, fields: fieldsOf(stream.entity, of), body: JSON.stringify(envelope) };
      return { kind: "event", publication };
    });
    for (const [i, { entry, place }] of partsOf(record, "messages").entries()) {
      const body = referenceBody({ stream, sequence, n: i + 1 });
      outgoing.push({ kind: "message", consumer: "sends", parcel: { stream, id: `${entry.id}-m${place}`, body } });
    }
    for (const { id, timers = [] } of entriesOf(record)) {
      for (const { name, at } of timers) {
        if (at === undefined) continue;
        const parcel = { id: `${id}-t${name}`.slice(0, 128), body: timerBody({ stream, name }), notBefore: at };
        outgoing.push({ kind: "message", consumer: "timers", parcel });
      }
    }
    return outgoing;
  };
}

/** Of each event, `<entity>.<event type>`, the fields that any subscription of the app compares. */
export function carriedFields(app: Pick<App, "subscriptions">): ReadonlyMap<string, readonly string[]> {
  const carried = new Map<string, readonly string[]>();
  for (const { wants } of app.subscriptions.values()) {
    for (const [entity, types] of wants) {
      for (const [type, filters] of types) {
        const event = `${entity}.${type}`;
        const fields = filters.flatMap((filter) => [...filter.keys()]);
        carried.set(event, [...new Set([...(carried.get(event) ?? []), ...fields])].toSorted());
      }
    }
  }
  return carried;
}
