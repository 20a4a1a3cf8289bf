import { accept, reject } from "holdfast";
import * as z from "zod";
import { h } from "./holdfast.ts";
import { country, item, productId, type Item } from "./item.ts";
import { order } from "./order.ts";

const closed = () => reject("cart-closed", "This cart is checked out.");

/** A shopping cart: add, remove, check out once; then it is an order. */
export const cart = h
  .entity("cart", {
    initial: () => ({ items: [] as readonly Item[], checkedOut: false }),
    events: {
      itemAdded: item,
      itemRemoved: z.object({ productId }),
      checkedOut: z.object({ country }),
    },
    evolve: {
      itemAdded: (state, added) => ({ ...state, items: withItem(state.items, added) }),
      itemRemoved: (state, removed) => ({
        ...state,
        items: state.items.filter((item) => item.productId !== removed.productId),
      }),
      checkedOut: (state) => ({ ...state, checkedOut: true }),
    },
    view: ({ items, checkedOut }) => ({ items, checkedOut }),
    history: true,
  })
  .command("addItem", {
    input: item,
    decide: (cart, input, { events }) => {
      if (cart.checkedOut) return closed();
      if (input.quantity < 1) {
        return reject("invalid-quantity", `Cannot add negative quantity to item ${input.productId}`);
      }
      return events.itemAdded(input);
    },
  })
  .command("removeItem", {
    input: z.object({ productId }),
    decide: (cart, input, { events }) => {
      if (cart.checkedOut) return closed();
      if (!cart.items.some((item) => item.productId === input.productId)) {
        return reject("item-not-in-cart", `Cannot remove item ${input.productId} because it is not in the cart`);
      }
      return events.itemRemoved(input);
    },
  })
  .command("checkout", {
    input: z.object({ country }),
    decide: (cart, input, { id, events, send }) => {
      if (cart.checkedOut) return closed();
      if (cart.items.length === 0) return reject("cart-empty", "There is nothing in this cart.");
      // Stored with the event, in the same write: no cart is checked out without its order, and none leads to two.
      send(order, id).open({ country: input.country, items: cart.items });
      return accept(events.checkedOut(input));
    },
  });

/** The same product sums up; a new one goes to the end. */
function withItem(items: readonly Item[], added: Item): readonly Item[] {
  if (!items.some((item) => item.productId === added.productId)) return [...items, added];
  return items.map((item) =>
    item.productId === added.productId ? { ...item, quantity: item.quantity + added.quantity } : item,
  );
}
