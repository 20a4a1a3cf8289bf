import { holdfast, on } from "holdfast";
import { expect, test } from "vitest";
import * as z from "zod";
import { subscriptionRules, type CompiledRules } from "holdfast/azure/service-bus";
import { cut, plain, propertiesOf, propertyNames } from "../../../src/azure/service-bus/properties.ts";

const h = holdfast();
const data = z.object({ sku: z.string(), SKU: z.string(), s_ku: z.string(), n: z.number() });
const cart = h
  .entity("cart", {
    initial: () => ({}),
    events: { added: data, removed: data, closed: data },
    evolve: { added: (state) => state, removed: (state) => state, closed: (state) => state },
  })
  .command("add", { input: data, decide: (_, input, { events }) => events.added(input) });
const { added, removed, closed } = cart.events;

function rulesOf(...to: Parameters<typeof h.subscription>[1]["to"]): CompiledRules {
  const subscriptions = [h.subscription("report", { to, handle: () => {} })];
  const compiled = subscriptionRules(h.app({ entities: [cart], subscriptions })).get("report");
  if (!compiled) throw new Error("There are no rules.");
  return compiled;
}

test("types that are wanted whole, and what is sent to the subscription alone, are one rule", () => {
  expect(rulesOf(on(added), on(removed))).toEqual({
    rules: ["sys.To = 'report' OR type IN ('cart.added', 'cart.removed')"],
    exact: true,
    widened: [],
  });
});

test("conditions become SQL on tagged values, and what other code has written is let through", () => {
  const { rules, exact } = rulesOf(on(added, { sku: ["a-1", "B"], n: { gte: -1.5, lt: 10 } }), on(closed));
  expect(exact).toBe(true);
  expect(rules).toEqual([
    expect.stringMatching(
      /^sys\.To = 'report' OR type IN \('cart\.closed'\) OR \(type = 'cart\.added' AND data_n >= -1\.5 AND data_n < 10 AND data_sku IN \('sa-1', 's=42'\)\) OR \(type = 'cart\.added' AND shape <> '[\w-]{16}'\)$/,
    ),
  ]);
});

test("one whole type makes conditions on the same type needless", () => {
  expect(rulesOf(on(added, { sku: "a" }), on(added)).rules).toEqual(["sys.To = 'report' OR type IN ('cart.added')"]);
});

test("fields that differ in case or underscores only are told apart where property names have no case", () => {
  const names = ["sku", "SKU", "Sku", "s_ku", "sKu", "s_Ku", "s__ku"].map(propertyNames.field);
  expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
  expect(names.every((name) => /^data_[a-z0-9_]+$/.test(name))).toBe(true);
});

test("a long list is cut into rules of 1,024 characters, and each value is in one of them", () => {
  const skus = Array.from({ length: 60 }, (_, i) => `ABCDEF${i}`);
  const { rules, exact } = rulesOf(on(added, { sku: skus }));
  expect(exact).toBe(true);
  expect(rules.length).toBeGreaterThan(1);
  expect(rules.every(({ length }) => length <= 1_024)).toBe(true);
  for (const sku of skus)
    expect(
      rules.filter((rule) => rule.includes(`'s${plain(sku)}'`)),
      sku,
    ).toHaveLength(1);
  // Each part of the list is of that type.
  for (const rule of rules) {
    const branches = rule.split(" OR (").filter((part) => part.includes("data_sku"));
    expect(branches.every((part) => part.includes("type = 'cart.added'"))).toBe(true);
  }
});

test("a list of long values is cut as well, instead of being left to the receiver", () => {
  const skus = Array.from({ length: 6 }, (_, i) => `${i}${"X".repeat(120)}`);
  const { rules, exact } = rulesOf(on(added, { sku: skus }));
  expect(exact).toBe(true);
  expect(rules.every(({ length }) => length <= 1_024)).toBe(true);
  for (const sku of skus)
    expect(
      rules.filter((rule) => rule.includes(`'s${plain(sku)}'`)),
      sku,
    ).toHaveLength(1);
});

test("a value, or a list of what is not wanted, that no rule has room for is left to the receiver, who is told", () => {
  const long = rulesOf(on(added, { sku: "X".repeat(300) }));
  expect(long).toMatchObject({ exact: false, widened: [expect.stringContaining('"sku" of cart.added')] });
  expect(long.rules.join()).toContain("EXISTS(data_sku)");
  const not = rulesOf(on(added, { sku: { not: Array.from({ length: 40 }, (_, i) => `value number ${i}`) } }));
  expect(not).toMatchObject({ exact: false });
  expect(not.rules.join()).toContain("EXISTS(data_sku)");
  const prefix = rulesOf(on(added, { sku: { prefix: "Y".repeat(400) } }));
  expect(prefix).toMatchObject({ exact: false });
  expect(prefix.rules.join()).toMatch(/data_sku LIKE 's(?:=59){233}%'/);
});

test("a field that is compared with a range somewhere is a number, its texts are not lost", () => {
  const { rules } = rulesOf(
    on(added, { n: { gt: 0 } }),
    on(removed, { n: { not: [5] } }),
    on(removed, { n: { lt: 0 } }),
  );
  expect(rules.join()).toContain("(data_n NOT IN (5) OR data_n LIKE 's%' OR data_n LIKE 'b%')");
});

test("values are written so that nothing in them is quoted, escaped, or compared in more than one way", () => {
  expect(["at", "AT", "Ä", "A\u0308", "a ", "'; --", "%_[]", "\u0000", "💥"].map(plain)).toEqual([
    "at",
    "=41=54",
    "=c3=84",
    "=41=cc=88",
    "a=20",
    "=27=3b=20--",
    "=25=5f=5b=5d",
    "=00",
    "=f0=9f=92=a5",
  ]);
});

test("a value is cut behind a whole character, far behind what any rule can hold", () => {
  expect(["a=41", "a=41=4", "a=41="].map((text) => cut(text, 6))).toEqual(["a=41", "a=41", "a=41"]);
  const properties = propertiesOf(
    { type: "cart.added", fields: new Map([["sku", "X".repeat(5_000)]]) },
    { shape: "s", numeric: new Set() },
  );
  expect(String(properties["data_sku"]).length).toBe(1_099);
});
