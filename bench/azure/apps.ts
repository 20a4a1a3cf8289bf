import { holdfast, on, type Subscription } from "holdfast";
import shop from "../../examples/shop/app.ts";
import { cart } from "../../examples/shop/cart.ts";

/** Handlers here need nothing from outside. */
const h = holdfast();

/** Told of each event that was handled, by the cart's id. */
export type Handled = (cart: string) => void;

let handled: Handled = () => {};

/** From now on that one is told. */
export function onHandled(listener: Handled): void {
  handled = listener;
}

const seen: Subscription<undefined> = h.subscription("seen", {
  to: [on(cart.events.itemAdded)],
  handle: ({ subject }) => handled(subject),
});

/** The shop's cart, and one subscription to what is added, whose handler returns at once. */
export const delivery = h.app({ entities: [cart], subscriptions: [seen] });

/** What the broker holds the entities of. To the shop's `itemAdded` nobody listens. */
export const deployments = {
  shop: { app: shop, prefix: "shop-" },
  delivery: { app: delivery, prefix: "delivery-" },
} as const;

/** A topic for the raw SDK, with a subscription `all` to all of it. */
export const bareTopic = "bare";
