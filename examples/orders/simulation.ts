import type { WorldOptions } from "holdfast/simulation";
import type { World } from "./holdfast.ts";
import { order } from "./order.ts";
import { createWorld, fateOf, fates } from "./world.ts";

const ids = fates.flatMap((fate) => [`${fate}-1`, `${fate}-2`]);

/** Customers that order, and meddlers who say things that are not so; and what an order promises whatever happens. */
export const ordersWorld: WorldOptions<World, ReturnType<typeof createWorld>> = {
  outside: createWorld,
  services: (world, unreliable) => unreliable("world", world),
  async step({ random, pick, call, view }) {
    const id = pick(ids);
    const chance = random();
    if (chance < 0.5) await call(order, id).accepted({ customer: "Ada", total: 120 });
    else if (chance < 0.6) await call(order, id).withdrawn({});
    // Late, or never true.
    else if (chance < 0.7) await call(order, id).manufacturingFailed({ reason: "It cannot be made." });
    else if (chance < 0.8) await call(order, id).delivered({});
    else await view(order, id);
  },
  invariants: {
    "an order whose money is to go back gets one refund, and no other does": ({ entities, outside, deadLetters }) => {
      const given = new Set(deadLetters.map(({ id }) => id));
      return entities(order).every(({ id, events }) => {
        const due = events.filter(({ data }) => (data as { readonly toState: string }).toState === "refund_pending");
        const done = outside.deeds.filter((deed) => deed === `refund ${id}`);
        return due.length <= 1 && (given.has(id) ? done.length <= due.length : done.length === due.length);
      });
    },
    "an order is made once, and only if it was paid": ({ entities, outside, deadLetters }) => {
      const given = new Set(deadLetters.map(({ id }) => id));
      return entities(order).every(({ id, events }) => {
        const paid = events.filter(({ type }) => type === "paid").length;
        const done = outside.deeds.filter((deed) => deed === `make ${id}`).length;
        return paid <= 1 && (given.has(id) ? done <= paid : done === paid);
      });
    },
    "an order waits for nobody but the customer": ({ entities, deadLetters }) => {
      const given = new Set(deadLetters.map(({ id }) => id));
      return entities(order).every(
        ({ id, state }) =>
          given.has(id) ||
          fateOf(id) === "refused" ||
          ["order_created", "order_confirmed", "order_cancelled"].includes(state.state),
      );
    },
  },
};
