import type { App } from "../app.ts";
import type { Manifest } from "../manifest.ts";
import type { Filter } from "../messaging/filter.ts";
import { token } from "./groups.ts";

/** An app, or its manifest: what tells the filters of all subscriptions. */
export type Declared = Pick<App, "subscriptions"> | Pick<Manifest, "subscriptions">;

/** Subscription to event, `<entity>.<event type>`, to filters, one of which must let the event through. */
export type Wanted = ReadonlyMap<string, ReadonlyMap<string, readonly Filter[]>>;

/** How an event's fields are written into attributes. */
export interface Carriage {
  /** Names this way of writing; another one for each set of fields and each choice between text and number. */
  readonly shape: string;
  /** Fields that a range compares: their numbers are written as numbers, all other values as tagged text. */
  readonly numeric: ReadonlySet<string>;
}

export function wantedBy({ subscriptions }: Declared): Wanted {
  if (!isApps(subscriptions)) {
    const events = Object.entries(subscriptions).map(([name, declared]) => {
      const filters = Object.entries(declared.events).map(
        ([event, some]) => [event, some.map((filter) => new Map(Object.entries(filter)))] as const,
      );
      return [name, new Map(filters)] as const;
    });
    return new Map(events);
  }
  const wanted = new Map<string, ReadonlyMap<string, readonly Filter[]>>();
  for (const { name, wants } of subscriptions.values()) {
    const events = new Map<string, readonly Filter[]>();
    for (const [entity, types] of wants) for (const [type, some] of types) events.set(`${entity}.${type}`, some);
    wanted.set(name, events);
  }
  return wanted;
}

function isApps(subscriptions: Declared["subscriptions"]): subscriptions is App["subscriptions"] {
  return subscriptions instanceof Map;
}

/** How each event's fields are carried; of an event that nobody filters by fields, none are. */
export function createCarriage(wanted: Wanted): (event: string) => Carriage {
  const fields = new Map<string, Map<string, boolean>>();
  for (const events of wanted.values()) {
    for (const [event, filters] of events) {
      const numeric = fields.get(event) ?? new Map<string, boolean>();
      fields.set(event, numeric);
      for (const filter of filters) {
        for (const [field, { kind }] of filter) numeric.set(field, kind === "range" || numeric.get(field) === true);
      }
    }
  }
  const carriages = new Map<string, Carriage>();
  for (const [event, some] of fields) {
    const sorted = [...some].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const numeric = new Set(sorted.filter(([, isNumeric]) => isNumeric).map(([field]) => field));
    carriages.set(event, { shape: shapeOf(event, sorted), numeric });
  }
  return (event) => carriages.get(event) ?? { shape: shapeOf(event, []), numeric: new Set() };
}

/** The first number goes up when the way of writing changes. */
function shapeOf(event: string, fields: readonly (readonly [field: string, isNumeric: boolean])[]): string {
  return token(JSON.stringify([1, event, fields])).slice(0, 16);
}
