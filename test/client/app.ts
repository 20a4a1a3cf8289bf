import { accept, holdfast, reject } from "holdfast";
import * as z from "zod";

export interface Services {
  /** Called when a `slow` command is prepared. */
  readonly slow: () => Promise<void>;
}

const h = holdfast<Services>();

const cart = h
  .entity("cart", {
    initial: () => ({ items: {} as Record<string, number>, open: true }),
    events: {
      itemAdded: z.object({ sku: z.string(), quantity: z.number() }),
      checkedOut: z.object({ country: z.string() }),
    },
    evolve: {
      itemAdded: (state, { sku, quantity }) => ({
        ...state,
        items: { ...state.items, [sku]: (state.items[sku] ?? 0) + quantity },
      }),
      checkedOut: (state) => ({ ...state, open: false }),
    },
    view: ({ items }, { id }) => ({ id, items }),
    history: true,
  })
  .command("addItem", {
    input: z.object({ sku: z.string(), quantity: z.number().default(1) }),
    decide: (state, input, { events }) => {
      if (!state.open) return reject("cart-closed", "This cart is checked out.");
      if (input.quantity > 99) return reject("too-many", "At most 99.", { status: 429 });
      return accept([events.itemAdded(input)], { reply: { count: (state.items[input.sku] ?? 0) + input.quantity } });
    },
  })
  .command("addLater", {
    prepare: (_input, { services }) => services.slow(),
    decide: (_state, _input, { events }) => events.itemAdded({ sku: "late", quantity: 1 }),
  })
  .command("checkout", {
    input: z.object({ country: z.string() }),
    decide: (state, input, { events }) =>
      state.open ? events.checkedOut(input) : reject("already-checked-out", "It is checked out."),
  });

/** Its commands are called as other clients' reads are. */
const view = h
  .entity("view", {
    initial: () => ({ shown: 0 }),
    events: { shown: z.object({}) },
    evolve: { shown: ({ shown }) => ({ shown: shown + 1 }) },
  })
  .command("view", { decide: (_state, _input, { events }) => events.shown({}) })
  .command("watch", { decide: (_state, _input, { events }) => events.shown({}) })
  .command("history", { decide: () => accept([], { reply: "old" }) });

export const app = h.app({ entities: [cart, view] });
