import { deepEqual } from "node:assert/strict";
import type { App } from "../../core/app.ts";
import { holdfast } from "../../core/app.ts";
import type { BusResults, Parcel, Publication } from "../../core/broker/bus.ts";
import { carriedFields } from "../../core/broker/outbox.ts";
import type { Message } from "../../core/broker/receive.ts";
import type { StreamId } from "../../core/journal/port.ts";
import { fieldOf, on, type Scalar, type Where } from "../../core/messaging/filter.ts";
import { schemaOf } from "./delivery-app.ts";

/** Data of the event that the suite's subscriptions filter. */
export interface Data {
  readonly text?: string;
  readonly count?: number;
  readonly flag?: boolean;
  readonly mixed?: string | number | boolean;
  /** Called as an attribute or an operator of a broker may be. */
  readonly type?: string;
  readonly prefix?: string;
}

export const hostile: readonly string[] = [
  "",
  " ",
  "'; --",
  '"\\',
  "\\u0000",
  "\u0000",
  "\u0001\t\r\n\u007f\u0085",
  "\ufffe\uffff",
  "%_*[]{}$or",
  "AT",
  "at",
  "ÄÖ",
  "A\u0308O",
  "💥💥",
  "𝔘",
  "null",
  "true",
  "5",
  "n5",
  "s",
  "1e3",
];

const h = holdfast();

const thing = h
  .entity("thing", {
    initial: () => ({}),
    events: { happened: schemaOf<Data>(), other: schemaOf<Data>() },
    evolve: { happened: (state) => state, other: (state) => state },
  })
  .command("happen", { input: schemaOf<Data>(), decide: (_state, input, { events }) => events.happened(input) });

const { happened, other } = thing.events;
const handle = (): void => {};

/** Lists of several types: filters take them, their types do not. */
function untyped(where: object): Where<Data> {
  return where as Where<Data>;
}

const subscriptions = [
  h.subscription("all", { to: [on(happened), on(other)], handle }),
  h.subscription("others", { to: [on(other)], handle }),
  h.subscription("one-of", { to: [on(happened, { text: ["AT", "ÄÖ", "💥💥", "\u0000", "\\u0000", ""] })], handle }),
  h.subscription("not-one-of", { to: [on(happened, { text: { not: ["AT", "'; --"] } })], handle }),
  h.subscription("begins", { to: [on(happened, { text: { prefix: ["A", "\u0001\t", "💥"] } })], handle }),
  h.subscription("is-there", { to: [on(happened, { text: { exists: true } })], handle }),
  h.subscription("is-missing", { to: [on(happened, { text: { exists: false } })], handle }),
  h.subscription("within", { to: [on(happened, { count: { gte: -1.5, lt: 10 } })], handle }),
  h.subscription("numbers", { to: [on(happened, { count: [5, -0.00001, 1_000_000_000] })], handle }),
  h.subscription("no-numbers", { to: [on(happened, { count: { not: [5, 0] } })], handle }),
  h.subscription("yes", { to: [on(happened, { flag: true })], handle }),
  h.subscription("mixture", { to: [on(happened, untyped({ mixed: ["5", 5, true] }))], handle }),
  h.subscription("no-mixture", { to: [on(happened, untyped({ mixed: { not: ["5", false] } }))], handle }),
  h.subscription("both", { to: [on(happened, { text: "AT", count: { gt: 0 }, flag: true })], handle }),
  h.subscription("either", { to: [on(happened, { text: "at" }), on(happened, { count: 7 }), on(other)], handle }),
  h.subscription("words", {
    to: [on(happened, { type: "a", prefix: { prefix: "b" } }), on(happened, { flag: false })],
    handle,
  }),
];

const work = h.worker("work", { queue: "work", input: schemaOf<unknown>(), handle });

export const busApp: App = h.app({ entities: [thing], subscriptions, workers: [work] });

export function streamOf(id: string): StreamId {
  return { tenant: "default", entity: "thing", id };
}

const carried = carriedFields(busApp);

/** An event of that stream as the relay publishes it; its body tells its id and its data. */
export function eventOf(stream: string, id: string, data: Data = {}, type = "happened"): Publication {
  const fields = new Map<string, Scalar>();
  for (const name of carried.get(`thing.${type}`) ?? []) {
    const value = fieldOf(data, name);
    if (value !== undefined) fields.set(name, value);
  }
  return { stream: streamOf(stream), id, type: `thing.${type}`, fields, body: JSON.stringify({ id, data }) };
}

export function parcelOf(id: string, more: Partial<Parcel> = {}): Parcel {
  return { id, body: JSON.stringify({ id }), ...more };
}

/** What the bodies of messages call themselves. */
export function idsOf(messages: readonly Message[]): readonly string[] {
  return messages.map(({ body }) => (JSON.parse(body) as { readonly id: string }).id);
}

/** @throws AssertionError unless the broker has taken that many */
export function allTaken(results: BusResults, count: number): void {
  deepEqual(
    results.map((error) => error?.message),
    Array.from({ length: count }, () => undefined),
  );
}
