import type { WorldOptions } from "holdfast/simulation";
import shop from "./app.ts";
import { cart } from "./cart.ts";
import { shipment } from "./fulfilment.ts";
import { createGateway, type Gateway } from "./gateway.ts";
import type { Services } from "./holdfast.ts";
import { order } from "./order.ts";

/** The shop with a snapshot after every few records: the lives of carts in a small world are short. */
export const smallShop = withSnapshots(1);

/** Each entity as the shop declares it, but for snapshots. */
function withSnapshots(revision: number): typeof shop {
  const entities = [...shop.entities].map(
    ([name, definition]) => [name, { ...definition, snapshotEvery: 4, revision }] as const,
  );
  return { ...shop, entities: new Map(entities) };
}

interface Outside {
  readonly gateway: Gateway;
}

const carts = Array.from({ length: 12 }, (_, i) => `cart-${i + 1}`);
const products = ["hat", "scarf", "mug", "unpayable"];

/** Customers with little patience, and what the shop promises whatever happens. */
export const shopWorld: WorldOptions<Services, Outside> = {
  // Rolled out while customers shop. It takes no snapshot of the older code's for its own.
  next: withSnapshots(2),
  outside: () => ({ gateway: createGateway() }),
  services: ({ gateway }, unreliable) => ({ gateway: unreliable("gateway", gateway), paymentMs: 3_000 }),
  async step({ random, pick, call, view, send, step }) {
    const id = pick(carts);
    const productId = pick(products);
    const chance = random();
    if (chance < 0.55) await call(cart, id).addItem({ productId, name: productId, quantity: pick([1, 2, 3, -1]) });
    else if (chance < 0.65) await call(cart, id).removeItem({ productId });
    else if (chance < 0.8) await call(cart, id).checkout({ country: pick(["AT", "DE", "US"]) });
    else if (chance < 0.95) await (random() < 0.5 ? view(cart, id) : view(order, id));
    else await send("imports", { id: productId, name: productId, price: step, revision: step });
  },
  invariants: {
    "an order is what was in the cart when it was checked out": ({ entities }) => {
      const carts = new Map(entities(cart).map(({ id, state }) => [id, state]));
      return entities(order).every(({ id, state }) => {
        const { checkedOut = true, items = state.items } = carts.get(id) ?? {};
        return checkedOut && JSON.stringify(items) === JSON.stringify(state.items);
      });
    },
    "a cart is paid at most once, and not if it was cancelled": ({ entities }) =>
      entities(order).every(({ events }) => events.filter(({ type }) => type !== "opened").length <= 1),
    "what is sent was paid, and what was paid is sent": ({ entities, deadLetters }) => {
      const orders = new Map(entities(order).map(({ id, state }) => [id, state]));
      const sent = new Set(entities(shipment).map(({ id }) => id));
      const given = new Set(deadLetters.map(({ id }) => id));
      for (const id of sent) if (orders.has(id) && orders.get(id)?.status !== "paid") return `${id} was not paid`;
      for (const [id, { status, country }] of orders) {
        if (status === "paid" && country !== "US" && !sent.has(id) && !given.has(id)) return `${id} is not sent`;
      }
      return true;
    },
  },
};
