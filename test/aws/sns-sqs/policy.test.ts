import { HoldfastError, holdfast, manifest, on } from "holdfast";
import { filterPolicies, filterPolicy } from "holdfast/aws/sns-sqs";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { busApp } from "../../../src/testing/conformance/bus-fixtures.ts";

const h = holdfast();
const data = z.object({
  a: z.string().optional(),
  b: z.string().optional(),
  c: z.string().optional(),
  d: z.string().optional(),
  n: z.number().optional(),
  prefix: z.string().optional(),
  type: z.string().optional(),
});
const types = Array.from({ length: 160 }, (_, i) => `e${i}`);
const cart = h
  .entity("cart", {
    initial: () => ({}),
    events: { made: data, left: data },
    evolve: { made: (state) => state, left: (state) => state },
  })
  .command("make", { input: data, decide: (_state, input, { events }) => events.made(input) });
const { made, left } = cart.events;

type Interests = Parameters<typeof h.subscription>[1]["to"];

/** The policy of a subscription to these, in an app that has others. */
function policyOf(to: Interests, ...others: readonly Interests[]) {
  const subscriptions = [to, ...others].map((interests, i) =>
    h.subscription(`s${i}`, { to: interests, handle: () => {} }),
  );
  return filterPolicy(h.app({ entities: [cart], subscriptions }), "s0");
}

const shape = expect.stringMatching(/^[\w-]{16}$/) as string;
const otherShapes = { type: ["cart.made"], shape: [{ "anything-but": [shape] }] };

describe("a filter policy", () => {
  test("without fields is a list of types", () => {
    expect(policyOf([on(made), on(left)])).toEqual({
      policy: { type: ["cart.made", "cart.left"] },
      exact: true,
      widened: [],
    });
  });

  test("has a branch for each filter, and one for events that other code has published", () => {
    expect(policyOf([on(made, { a: ["x", "y"], n: { gt: 1, lte: 2.5 } }), on(left)])).toEqual({
      policy: {
        $or: [
          { type: ["cart.left"] },
          { type: ["cart.made"], "data-a": ["sx", "sy"], "data-n": [{ numeric: [">", 1, "<=", 2.5] }] },
          otherShapes,
        ],
      },
      exact: true,
      widened: [],
    });
  });

  test("says every condition in SNS's words", () => {
    const conditions = [
      [{ a: { not: ["x", "y"] } }, [{ "anything-but": ["sx", "sy"] }]],
      [{ a: { prefix: ["x", "\\"] } }, [{ prefix: "sx" }, { prefix: "s\\\\" }]],
      [{ a: { exists: true } }, [{ exists: true }]],
      [{ a: { exists: false } }, [{ exists: false }]],
      [{ a: "\u0000" }, ["s\\u0000"]],
    ] as const;
    for (const [where, expected] of conditions) {
      expect(policyOf([on(made, where)]).policy).toEqual({
        $or: [{ type: ["cart.made"], "data-a": expected }, otherShapes],
      });
    }
  });

  test("compares numbers as numbers where any subscription has a range on the field, and as text elsewhere", () => {
    const branch = (policy: ReturnType<typeof policyOf>) => (policy.policy["$or"] as readonly object[])[0];
    expect(branch(policyOf([on(made, { n: 5 })]))).toEqual({ type: ["cart.made"], "data-n": ["n5"] });
    const range = [on(made, { n: { lt: 1 } })] as const;
    expect(branch(policyOf([on(made, { n: 5 })], range))).toEqual({
      type: ["cart.made"],
      "data-n": [{ numeric: ["=", 5] }],
    });
    expect(branch(policyOf([on(made, { n: { not: 5 } })], range))).toEqual({
      type: ["cart.made"],
      "data-n": [{ "anything-but": [5] }, { prefix: "s" }, { prefix: "b" }],
    });
    // Another event's range is none of this one's.
    expect(branch(policyOf([on(made, { n: 5 })], [on(left, { n: { lt: 1 } })]))).toEqual({
      type: ["cart.made"],
      "data-n": ["n5"],
    });
  });

  test("never has a key that is a word of SNS's, or the name of another attribute", () => {
    const { policy } = policyOf([on(made, { prefix: "x", type: "y" })]);
    expect(policy).toEqual({ $or: [{ type: ["cart.made"], "data-prefix": ["sx"], "data-type": ["sy"] }, otherShapes] });
  });

  test("of an event changes its shape with each change in how its fields are written, and only then", () => {
    const shapeIn = (to: Interests, ...others: readonly Interests[]) =>
      JSON.stringify((policyOf(to, ...others).policy["$or"] as readonly { shape?: unknown }[]).at(-1)?.shape);
    const base = shapeIn([on(made, { a: "x" })]);
    expect(shapeIn([on(made, { a: { prefix: "y" } })])).toBe(base);
    expect(shapeIn([on(made, { a: "x" })], [on(left, { b: "x" })])).toBe(base);
    const changed = [
      shapeIn([on(made, { a: "x" })], [on(made, { b: "x" })]),
      shapeIn([on(made, { a: "x", n: 1 })]),
      shapeIn([on(made, { a: "x", n: { lt: 1 } })]),
    ];
    expect(new Set([base, ...changed]).size).toBe(4);
  });

  test("is the same from a manifest as from the app", () => {
    const read = JSON.parse(JSON.stringify(manifest(busApp))) as ReturnType<typeof manifest>;
    const fromApp = filterPolicies(busApp);
    expect(fromApp.size).toBe(busApp.subscriptions.size);
    for (const [name, { policy, exact }] of filterPolicies(read)) {
      expect(sorted(policy)).toEqual(sorted(fromApp.get(name)?.policy ?? {}));
      expect(exact).toBe(fromApp.get(name)?.exact);
    }
  });

  test("of a subscription that is not there says so", () => {
    expect(() => filterPolicy(busApp, "nobody")).toThrow(HoldfastError);
    expect(() => filterPolicy(busApp, "nobody")).toThrow('The app has no subscription "nobody".');
  });
});

/** A manifest has its events in another order. */
function sorted(policy: object): unknown {
  const branches = (policy as { $or?: readonly object[] }).$or;
  return branches ? branches.map((branch) => JSON.stringify(branch)).toSorted() : policy;
}

describe("past SNS's limits a filter policy lets through more, and says what", () => {
  test("where a policy would name more fields than it can, the least used ones are left out", () => {
    const { policy, exact, widened } = policyOf([
      on(made, { a: "1", b: "2", c: "3", d: "4" }),
      on(left, { d: "4", c: "3" }),
    ]);
    expect(policy["$or"]).toEqual(
      expect.arrayContaining([
        { type: ["cart.made"], "data-a": ["s1"], "data-c": ["s3"], "data-d": ["s4"] },
        { type: ["cart.left"], "data-c": ["s3"], "data-d": ["s4"] },
      ]),
    );
    expect(exact).toBe(false);
    expect(widened).toEqual(['the condition on "b" of cart.made is left to the receiver: a policy can name 3 fields']);
  });

  test("where a policy would hold too many combinations, the longest lists are left out", () => {
    const many = (count: number, from: string) => Array.from({ length: count }, (_, i) => `${from}${i}`);
    const { policy, exact, widened } = policyOf([
      on(made, { a: many(14, "") }),
      on(made, { b: many(12, ""), c: many(12, "") }),
    ]);
    expect(policy).toEqual({
      $or: [
        { type: ["cart.made"], "data-a": many(14, "s") },
        { type: ["cart.made"], "data-c": many(12, "s") },
        otherShapes,
      ],
    });
    expect(exact).toBe(false);
    expect(widened).toEqual([
      'the condition on "b" of cart.made is left to the receiver: a policy can hold 150 combinations of values',
    ]);
  });

  test("where nothing is left of an event's conditions, all of them pass", () => {
    const two = on(made, { a: Array.from({ length: 80 }, (_, i) => `${i}`) });
    const { policy, exact } = policyOf([two, on(made, { b: Array.from({ length: 80 }, (_, i) => `${i}`) })]);
    expect(policy).toEqual({ type: ["cart.made"] });
    expect(exact).toBe(false);
  });

  test("where there are too many types, every event passes", () => {
    const events = Object.fromEntries(types.map((type) => [type, data]));
    const evolve = Object.fromEntries(types.map((type) => [type, (state: object) => state]));
    const wide = h
      .entity("wide", { initial: () => ({}), events, evolve })
      .command("make", { input: data, decide: () => [] });
    const all = types.flatMap((type) => {
      const event = wide.events[type];
      return event ? [on(event)] : [];
    });
    const app = h.app({ entities: [wide], subscriptions: [h.subscription("s", { to: all, handle: () => {} })] });
    expect(filterPolicy(app, "s")).toMatchObject({ policy: { type: [{ exists: true }] }, exact: false });
  });

  test("where a list has values of several types and a range compares the field, any value passes", () => {
    const mixed = { n: { not: [5, "five"] } } as object as { n: { not: number } };
    const { policy, exact, widened } = policyOf([on(made, mixed)], [on(made, { n: { lt: 1 } })]);
    expect(policy).toEqual({ $or: [{ type: ["cart.made"], "data-n": [{ exists: true }] }, otherShapes] });
    expect(exact).toBe(false);
    expect(widened).toEqual([expect.stringContaining("values of several types")]);
  });
});
