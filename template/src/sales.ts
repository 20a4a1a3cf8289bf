import { on } from "holdfast";
import { h } from "./holdfast.ts";
import { order } from "./order.ts";
import { product } from "./product.ts";

/** Counts what is sold. However often an event is delivered, the call takes effect once. */
export const sales = h.subscription("sales", {
  to: [on(order.events.placed)],
  handle: async (event, { call }) => {
    await call(product, event.data.product).sell({ quantity: event.data.quantity });
  },
});
