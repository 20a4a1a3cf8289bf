import { accept, holdfast, on, reject } from "holdfast";
import { expectTypeOf, test } from "vitest";
import * as z from "zod";

interface Gateway {
  readonly charge: (orderId: string) => Promise<"paid" | "declined">;
}

const h = holdfast<{ gateway: Gateway }>();

const shipment = h
  .entity("shipment", {
    initial: () => ({ total: 0 }),
    events: { prepared: z.object({ total: z.number() }) },
    evolve: { prepared: (_, { total }) => ({ total }) },
  })
  .command("prepare", {
    input: z.object({ total: z.number() }),
    decide: (state, { total }, { events }) =>
      state.total > 0
        ? reject("prepared-already", "Twice.")
        : accept([events.prepared({ total })], { reply: { total } }),
  });

const cart = h
  .entity("cart", {
    initial: () => ({ open: true }),
    events: {
      checkedOut: z.object({ country: z.string(), total: z.number(), items: z.array(z.string()) }),
      emptied: z.object({ by: z.string().optional() }),
    },
    evolve: { checkedOut: () => ({ open: false }), emptied: (state) => state },
  })
  .command("checkOut", { decide: () => [] });

test("a handler's events are those of its interests, told apart by type", () => {
  h.subscription("fulfilment", {
    to: [on(cart.events.checkedOut, { country: ["AT", "DE"], total: { gte: 100 } }), on(cart.events.emptied)],
    handle: async (event, { call, services, attempt, signal }) => {
      expectTypeOf(event.type).toEqualTypeOf<"cart.checkedOut" | "cart.emptied">();
      expectTypeOf(attempt).toBeNumber();
      expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      expectTypeOf(services.gateway).toEqualTypeOf<Gateway>();
      if (event.type === "cart.emptied") {
        expectTypeOf(event.data).toEqualTypeOf<{ by?: string | undefined }>();
        return;
      }
      expectTypeOf(event.data).toEqualTypeOf<{ country: string; total: number; items: string[] }>();
      const prepared = await call(shipment, event.subject).prepare({ total: event.data.total });
      if (prepared.ok) expectTypeOf(prepared.reply).toEqualTypeOf<{ total: number }>();
      else expectTypeOf(prepared.code).toEqualTypeOf<"prepared-already">();
      // @ts-expect-error there is no such command
      await call(shipment, event.subject).send();
      // @ts-expect-error the input is of another type
      await call(shipment, event.subject).prepare({ total: "1" });
    },
  });
});

test("filters know the event's fields and their types", () => {
  // @ts-expect-error there is no such field
  on(cart.events.checkedOut, { town: "Graz" });
  // @ts-expect-error a number is not compared with a string
  on(cart.events.checkedOut, { total: "100" });
  // @ts-expect-error a list is nothing that brokers can compare
  on(cart.events.checkedOut, { items: ["A-1"] });
  on(cart.events.emptied, { by: { exists: false } });
});

test("a worker's handler gets what its schema makes of a message", () => {
  h.worker("imports", {
    queue: "imports",
    input: z.object({ id: z.string(), price: z.coerce.number() }),
    key: (row) => row.id,
    authorize: (row, message) => row.price > 0 && message.attributes["token"] === "t",
    handle: async (row, { message }) => {
      expectTypeOf(row).toEqualTypeOf<{ id: string; price: number }>();
      expectTypeOf(message.id).toBeString();
    },
  });
});

test("a timer's handler gets the tick", () => {
  h.timer("sweep", { cron: "0 3 * * *", handle: ({ tick }) => expectTypeOf(tick).toBeNumber() });
});

test("parts are composed with the factory of their services only", () => {
  const other = holdfast<{ mailer: string }>();
  const stranger = other.timer("other", { cron: "0 3 * * *", handle: () => {} });
  // @ts-expect-error its handler gets other services
  h.app({ entities: [cart], timers: [stranger] });
  const plain = h.worker("w", { queue: "q", input: z.string(), handle: () => {} });
  h.app({ entities: [cart, shipment], workers: [plain] });
});
