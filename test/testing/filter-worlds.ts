import fc from "fast-check";
import { holdfast, on } from "holdfast";
import * as z from "zod";
import type { App } from "../../src/core/app.ts";
import type { Publication } from "../../src/core/broker/bus.ts";
import { carriedFields } from "../../src/core/broker/outbox.ts";
import { fieldOf, matches, type Scalar } from "../../src/core/messaging/filter.ts";
import { hostile } from "../../src/testing/conformance/bus-fixtures.ts";

const h = holdfast();

const types = ["one", "two"] as const;
const thing = h
  .entity("thing", {
    initial: () => ({}),
    events: { one: z.unknown(), two: z.unknown() },
    evolve: { one: (state) => state, two: (state) => state },
  })
  .command("happen", { input: z.unknown(), decide: (_state, input, { events }) => events.one(input) });

const fieldNames = ["a", "b", "type", "numeric", "exists"] as const;

const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...hostile) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 3 }).filter((value) => value.isWellFormed()) },
);
const number = fc.oneof(
  fc.constantFrom(0, -0, 5, -5, 0.1, 0.00001, -0.00001, 1e9, -1e9, 999_999_999.99999, 1_000.5),
  fc.integer({ min: -3, max: 3 }),
);
export interface World {
  readonly app: App;
  /** The same entities with other subscriptions. */
  readonly other: App;
  readonly events: Events;
}

/** Filters and events of the same few values, so that they meet. */
export const world: fc.Arbitrary<World> = fc
  .tuple(fc.array(text, { minLength: 2, maxLength: 4 }), fc.array(number, { minLength: 2, maxLength: 4 }))
  .chain(([texts, numbers]) => {
    const app = appOf(fc.constantFrom(...texts), fc.constantFrom(...numbers));
    const value = valueOf(fc.constantFrom(...texts), fc.constantFrom(...numbers));
    const data = fc.dictionary(fc.constantFrom(...fieldNames), value, { minKeys: 2, maxKeys: 5 });
    const events = fc.array(fc.tuple(fc.constantFrom(...types), data), { minLength: 20, maxLength: 40 });
    return fc.record({ app, other: app, events });
  });

function appOf(texts: fc.Arbitrary<string>, numbers: fc.Arbitrary<number>): fc.Arbitrary<App> {
  const list = fc.oneof(
    fc.array(fc.oneof(texts, numbers, fc.boolean()), { minLength: 1, maxLength: 3 }),
    fc.array(texts, { minLength: 1, maxLength: 3 }),
    fc.array(numbers, { minLength: 1, maxLength: 3 }),
  );
  const range = fc
    .tuple(numbers, numbers, fc.constantFrom("gt", "gte"), fc.constantFrom("lt", "lte"), fc.constantFrom(1, 2, 3))
    .map(([low, high, from, to, sides]) => {
      const isRange = low < high;
      return { ...((sides & 1 || !isRange) && { [from]: low }), ...(sides & 2 && isRange && { [to]: high }) };
    })
    .filter((bounds) => Object.keys(bounds).length > 0);
  const prefixes = fc.array(
    texts.map((value) => value || "s"),
    { minLength: 1, maxLength: 3 },
  );
  const condition: fc.Arbitrary<unknown> = fc.oneof(
    { weight: 3, arbitrary: list },
    { weight: 2, arbitrary: list.map((values) => ({ not: values })) },
    { weight: 1, arbitrary: prefixes.map((prefix) => ({ prefix })) },
    { weight: 1, arbitrary: fc.boolean().map((exists) => ({ exists })) },
    { weight: 1, arbitrary: range },
  );
  const where = fc
    .uniqueArray(fc.tuple(fc.constantFrom(...fieldNames), condition), { maxLength: 4, selector: ([name]) => name })
    .map((fields) => Object.fromEntries(fields));
  const interests = fc.array(fc.tuple(fc.constantFrom(...types), where), { minLength: 1, maxLength: 3 });
  return fc.array(interests, { minLength: 1, maxLength: 4 }).map((subscriptions) =>
    h.app({
      entities: [thing],
      subscriptions: subscriptions.map((to, i) => {
        // Each condition fits: the data may be anything.
        const wanted = to.map(([type, filter]) => on(thing.events[type], filter as object));
        return h.subscription(`s${i}`, { to: wanted, handle: () => {} });
      }),
    }),
  );
}

/** Values that are not carried, and texts past what is carried, too. */
function valueOf(texts: fc.Arbitrary<string>, numbers: fc.Arbitrary<number>): fc.Arbitrary<unknown> {
  const rest = fc.constantFrom(null, [], {}, 0.000001, 2e9, "x".repeat(2_000), `s${"💥".repeat(900)}`);
  return fc.oneof(
    { weight: 3, arbitrary: texts },
    { weight: 3, arbitrary: numbers },
    { weight: 1, arbitrary: fc.boolean() },
    { weight: 1, arbitrary: texts.map((value) => `${value}A`) },
    { weight: 1, arbitrary: rest },
  );
}

export type Events = readonly (readonly [type: string, data: object])[];

/** As the relay of that app publishes them. */
export function publicationsOf(by: App, some: Events): readonly Publication[] {
  const carried = carriedFields(by);
  return some.map(([type, values], i) => {
    const fields = new Map<string, Scalar>();
    for (const name of carried.get(`thing.${type}`) ?? []) {
      const field = fieldOf(values, name);
      if (field !== undefined) fields.set(name, field);
    }
    const stream = { tenant: "default", entity: "thing", id: String(i) };
    return { stream, id: `e${i}`, type: `thing.${type}`, fields, body: String(i) };
  });
}

/** The places of the events that a subscription wants, as the core's matcher says. */
export function wanted(of: App, name: string, some: Events): readonly number[] {
  const wants = of.subscriptions.get(name)?.wants.get("thing");
  return some.flatMap(([type, values], i) =>
    (wants?.get(type) ?? []).some((filter) => matches(filter, values)) ? [i] : [],
  );
}
