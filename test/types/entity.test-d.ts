import { accept, createRuntime, holdfast, reject, type Journal, type Result } from "holdfast";
import { given } from "holdfast/testing";
import { expectTypeOf, test } from "vitest";
import * as z from "zod";

interface Gateway {
  readonly charge: (amount: number) => Promise<{ readonly receipt: string }>;
}

const h = holdfast<{ readonly gateway: Gateway }>();

/** Two entities that send to each other: neither may need the other's type to have its own. */
const order = h
  .entity("order", {
    initial: () => ({ status: "none" as "none" | "open" | "paid" }),
    events: { opened: z.object({ country: z.string() }), paid: z.object({ receipt: z.string() }) },
    evolve: {
      opened: (state) => ({ ...state, status: "open" }),
      paid: (state) => ({ ...state, status: "paid" }),
    },
  })
  .command("open", {
    input: z.object({ country: z.string() }),
    decide: (_state, input, { events, send, id }) => {
      send(cart, id).note({ text: "opened" });
      return events.opened(input);
    },
  })
  .command("pay", {
    prepare: (_input, { services }) => services.gateway.charge(5),
    decide: (state, _input, { events, prepared }) => {
      expectTypeOf(prepared).toEqualTypeOf<{ readonly receipt: string }>();
      if (state.status === "paid") return reject("already-paid", "It is paid.");
      return accept([events.paid(prepared)], { reply: { receipt: prepared.receipt } });
    },
  });

const cart = h
  .entity("cart", {
    initial: () => ({ items: {} as Record<string, number>, open: true }),
    events: {
      itemAdded: z.object({ sku: z.string(), quantity: z.coerce.number() }),
      noted: z.object({ text: z.string() }),
    },
    evolve: {
      itemAdded: (state, { sku, quantity }) => ({ ...state, items: { ...state.items, [sku]: quantity } }),
      noted: (state) => state,
    },
    view: (state, { version }) => ({ count: Object.keys(state.items).length, version }),
  })
  .command("note", { input: z.object({ text: z.string() }), decide: (_s, input, { events }) => events.noted(input) })
  .command("addItem", {
    input: z.object({ sku: z.string(), quantity: z.number().default(1) }),
    decide: (state, input, { events, schedule, send, id }) => {
      expectTypeOf(state.items).toEqualTypeOf<Record<string, number>>();
      expectTypeOf(input).toEqualTypeOf<{ sku: string; quantity: number }>();
      send(order, id).open({ country: "AT" });
      schedule("remind", { afterMs: 5 }).note({ text: "later" });
      schedule("again", { at: 5 }).addItem({ sku: "x" });
      // @ts-expect-error: no such command
      schedule("again", { at: 5 }).addItems({ sku: "x" });
      // @ts-expect-error: no such command of the other entity
      send(order, id).close();
      // @ts-expect-error: the other entity's input
      send(order, id).open({ land: "AT" });
      // @ts-expect-error: no such event
      events.itemRemoved({ sku: "x" });
      // @ts-expect-error: the event's payload
      events.noted({ txt: "x" });
      if (!state.open) return reject("cart-closed", "x");
      if (input.quantity > 99) return reject("too-many", "x");
      return events.itemAdded(input);
    },
  })
  .command("count", { decide: (state) => accept([], { reply: Object.keys(state.items).length }) });

const app = h.app({ entities: [cart, order] });
declare const journal: Journal;
const gateway: Gateway = { charge: async () => ({ receipt: "r" }) };
const runtime = createRuntime(app, { journal, services: { gateway } });

test("calls know inputs, replies and codes", () => {
  const call = () => runtime.call(cart, "u1");
  expectTypeOf(call().addItem).toEqualTypeOf<
    (input: { sku: string; quantity?: number | undefined }) => Promise<Result<undefined, "cart-closed" | "too-many">>
  >();
  expectTypeOf(call().count).toEqualTypeOf<() => Promise<Result<number, never>>>();
  expectTypeOf(runtime.call(order, "o").pay).toEqualTypeOf<
    () => Promise<Result<{ receipt: string }, "already-paid">>
  >();
  // @ts-expect-error: no such command
  void call().nope;
  // @ts-expect-error: wrong input
  void (() => call().addItem({ sku: 1 }));
  // @ts-expect-error: an input where there is none
  void (() => call().count({ x: 1 }));
  // @ts-expect-error: the input is missing
  void (() => call().addItem());
});

test("a result narrows on ok", () => {
  const check = (result: Result<{ n: number }, "a" | "b">) => {
    if (result.ok) expectTypeOf(result.reply).toEqualTypeOf<{ n: number }>();
    else expectTypeOf(result.code).toEqualTypeOf<"a" | "b">();
  };
  expectTypeOf(check).toBeFunction();
});

test("services are what the app was declared with", () => {
  // @ts-expect-error: no gateway
  void (() => createRuntime(app, { journal, services: {} }));
});

test("declarations that do not fit are refused by the compiler", () => {
  const base = { initial: () => 0, events: { done: z.object({ n: z.number() }) } };
  const thing = h.entity("thing", { ...base, evolve: { done: (state, { n }) => state + n } });
  // @ts-expect-error: evolve misses an event
  void (() => h.entity("thing", { ...base, evolve: {} }));
  // @ts-expect-error: evolve returns another state
  void (() => h.entity("thing", { ...base, evolve: { done: () => "x" } }));
  // @ts-expect-error: an event of another entity
  void (() => thing.command("run", { decide: () => [{ type: "other", data: 1 }] }));
  // @ts-expect-error: a promise
  void (() => thing.command("run", { decide: async (_s, _i, { events }) => events.done({ n: 1 }) }));
  // @ts-expect-error: nothing
  void (() => thing.command("run", { decide: () => undefined }));
});

test("specifications know events, inputs and codes", () => {
  const when = () => given(cart, { type: "itemAdded", data: { sku: "a", quantity: 1 } }).when("addItem", { sku: "b" });
  void (() => when().then([{ type: "noted", data: { text: "x" } }]));
  void (() => when().then({ rejected: "too-many" }));
  // @ts-expect-error: no such code
  void (() => when().then({ rejected: "nope" }));
  // @ts-expect-error: no such event
  void (() => when().then([{ type: "nope", data: {} }]));
  // @ts-expect-error: no such command
  void (() => given(cart).when("nope"));
});
