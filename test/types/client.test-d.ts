import { holdfast, type Result } from "holdfast";
import { client, type ClientError, type EventOf, type Handle, type SpecsOf } from "holdfast/client";
import { expectTypeOf, test } from "vitest";
// By type only, as a page does it; the app's services are nobody's business here.
import type { app } from "../client/app.ts";

const shop = client<typeof app>({ url: "http://shop.test" });
const cart = shop.cart("u1");
type Cart = SpecsOf<typeof app>["cart"];

test("commands know inputs, replies and codes", () => {
  expectTypeOf(cart.addItem).toEqualTypeOf<
    (input: {
      sku: string;
      quantity?: number | undefined;
    }) => Promise<Result<{ count: number }, "cart-closed" | "too-many">>
  >();
  expectTypeOf(cart.addLater).toEqualTypeOf<() => Promise<Result<undefined, never>>>();
  expectTypeOf(cart.checkout).returns.resolves.toEqualTypeOf<Result<undefined, "already-checked-out">>();
  // @ts-expect-error: no such entity
  void (() => shop.basket("u1"));
  // @ts-expect-error: no such command
  void (() => cart.removeItem({ sku: "A-1" }));
  // @ts-expect-error: wrong input
  void (() => cart.addItem({ sku: 1 }));
  // @ts-expect-error: the input is missing
  void (() => cart.addItem());
  // @ts-expect-error: an input where there is none
  void (() => cart.addLater({ sku: "A-1" }));
  // @ts-expect-error: an id is needed
  void (() => shop.cart());
  // @ts-expect-error: no such option
  void (() => shop.cart("u1", { keys: "k" }));
});

test("a result narrows on ok, and a rejection on its code", async () => {
  const check = async () => {
    const result = await cart.addItem({ sku: "A-1" });
    if (result.ok) {
      expectTypeOf(result.reply).toEqualTypeOf<{ count: number }>();
      return;
    }
    // @ts-expect-error: no such code
    void (result.code === "cart-lost");
    switch (result.code) {
      case "cart-closed":
      case "too-many":
        return;
      default:
        expectTypeOf(result).toBeNever();
    }
  };
  expectTypeOf(check).toBeFunction();
});

test("a view is what the entity shows, not its state", () => {
  expectTypeOf(cart.$view).returns.resolves.toEqualTypeOf<{
    readonly view: { id: string; items: Record<string, number> };
    readonly version: number;
  }>();
  expectTypeOf(shop.view("v1").$view).returns.resolves.toHaveProperty("view").toEqualTypeOf<{ shown: number }>();
});

test("events are a union that narrows on type, the same in history and when watched", () => {
  const check = async () => {
    for await (const event of cart.$watch({ after: 3 })) {
      expectTypeOf(event).toEqualTypeOf<EventOf<Cart>>();
      expectTypeOf(event.type).toEqualTypeOf<"itemAdded" | "checkedOut">();
      expectTypeOf(event.version).toBeNumber();
      if (event.type === "itemAdded") expectTypeOf(event.data).toEqualTypeOf<{ sku: string; quantity: number }>();
      else expectTypeOf(event.data).toEqualTypeOf<{ country: string }>();
      // @ts-expect-error: no such event
      void (event.type === "itemRemoved");
    }
    const { events, next } = await cart.$history();
    expectTypeOf(events).toEqualTypeOf<readonly EventOf<Cart>[]>();
    expectTypeOf(next).toEqualTypeOf<number | undefined>();
  };
  expectTypeOf(check).toBeFunction();
});

test("an entity and its commands may be called view, watch and history", () => {
  const view = shop.view("v1");
  expectTypeOf(view.view).returns.resolves.toEqualTypeOf<Result<undefined, never>>();
  expectTypeOf(view.history).returns.resolves.toEqualTypeOf<Result<string, never>>();
  expectTypeOf(view).toEqualTypeOf<Handle<SpecsOf<typeof app>["view"]>>();
});

test("signals are of workflows only; a command whose name looks like one stays what it is", () => {
  // @ts-expect-error: a cart is no workflow
  void (() => cart.signals);
  const light = holdfast()
    .entity("light", { initial: () => 0, events: {}, evolve: {} })
    .command("signal-red", { decide: () => [] });
  const app = holdfast().app({ entities: [light] });
  const street = client<typeof app>({ url: "" });
  expectTypeOf(street.light("l1")["signal-red"]).returns.resolves.toEqualTypeOf<Result<undefined, never>>();
});

test("options take the platform's own fetch, and headers as values or a function", () => {
  void (() => client<typeof app>({ url: "", fetch, credentials: "include", headers: { a: "b" } }));
  void (() => client<typeof app>({ url: "", headers: async () => ({ Authorization: "Bearer x" }) }));
  // @ts-expect-error: the address is missing
  void (() => client<typeof app>({}));
  // @ts-expect-error: no such option
  void (() => client<typeof app>({ url: "", retries: 3 }));
  // @ts-expect-error: no app
  void (() => client<string>({ url: "" }));
  // Without an app nothing is known, and nothing can be called.
  // @ts-expect-error: no such entity
  void (() => client({ url: "" }).cart("u1"));
});

test("an error has the shape of HoldfastError, and the key", () => {
  expectTypeOf<ClientError>().toExtend<{
    readonly code: string;
    readonly message: string;
    readonly retry: "never" | "reload" | "later";
    readonly status: number | undefined;
    readonly key: string | undefined;
  }>();
});
