import type { App } from "../../core/app.ts";
import { upcast, type EntityDefinition } from "../../core/entity/definition.ts";
import { eventId, type StoredEvent } from "../../core/journal/format.ts";
import type { Filter, Test } from "../../core/messaging/filter.ts";
import { seenOf } from "../history.ts";
import type { StoredEntry, StreamEvidence } from "../evidence.ts";

/** An event that is stored. */
export interface StoredPart {
  readonly id: string;
  readonly event: StoredEvent;
  readonly stored: StoredEntry;
  readonly version: number;
  readonly sequence: number;
  /** Its place among the events of the record, from 1. */
  readonly n: number;
}

/** The events of a stream, in their order. */
export function partsOf({ records, entries }: StreamEvidence): readonly StoredPart[] {
  const parts: StoredPart[] = [];
  const places = new Map(records.map((record, i) => [record, i + 1]));
  let record: StoredEntry["record"] | undefined;
  let n = 0;
  for (const stored of entries) {
    if (record !== stored.record) n = 0;
    ({ record } = stored);
    const events = stored.entry.events ?? [];
    for (const [i, event] of events.entries()) {
      n++;
      const version = stored.version - events.length + i + 1;
      parts.push({ id: eventId(stored.entry.id, i + 1), event, stored, version, sequence: places.get(record) ?? 0, n });
    }
  }
  return parts;
}

/** The event as a handler of that code sees it; absent where that code cannot read it. */
export function seenBy(
  definition: EntityDefinition | undefined,
  { stored: { entry, record }, event, version }: StoredPart,
): string | undefined {
  const data = dataOf(definition, event);
  const { type } = event;
  const { correlation = entry.id } = entry;
  return (
    definition &&
    data &&
    seenOf({ type: `${definition.name}.${type}`, ...data, time: record.time, version, correlation })
  );
}

/** Whether that code's subscription asks for the event. */
export function isWanted({ entities, subscriptions }: App, name: string, entity: string, event: StoredEvent): boolean {
  const filters = subscriptions.get(name)?.wants.get(entity)?.get(event.type);
  const found = filters && dataOf(entities.get(entity), event);
  return found !== undefined && filters !== undefined && filters.some((filter) => lets(filter, found.data));
}

function dataOf(definition: EntityDefinition | undefined, stored: StoredEvent): { readonly data: unknown } | undefined {
  const event = definition?.events.get(stored.type);
  if (!event || (stored.v ?? 1) > event.version) return undefined;
  try {
    return { data: upcast(event, stored) };
  } catch {
    // The handler's turn says so.
    return undefined;
  }
}

// Once more, not the code that is checked.

function lets(filter: Filter, data: unknown): boolean {
  const fields = new Map(typeof data === "object" && data !== null ? Object.entries(data) : []);
  return [...filter].every(([field, test]) => passes(test, fields.get(field)));
}

function passes(test: Test, value: unknown): boolean {
  const isNumber = typeof value === "number" && Math.abs(value) <= 1e9 && Number(value.toFixed(5)) === value;
  const isThere = isNumber || typeof value === "string" || typeof value === "boolean";
  if (test.kind === "exists") return isThere === test.exists;
  if (!isThere) return false;
  if (test.kind === "in") return test.values.some((wanted) => wanted === value);
  if (test.kind === "not-in") return test.values.every((unwanted) => unwanted !== value);
  if (test.kind === "prefix")
    return typeof value === "string" && test.prefixes.some((start) => value.indexOf(start) === 0);
  const { gt = -Infinity, gte = -Infinity, lt = Infinity, lte = Infinity } = test;
  return isNumber && value > gt && value >= gte && value < lt && value <= lte;
}
