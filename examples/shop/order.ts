import { reject } from "holdfast";
import * as z from "zod";
import { h } from "./holdfast.ts";
import { country, item, type Item } from "./item.ts";

type Status = "none" | "awaiting-payment" | "paid" | "cancelled";

const settled = () => reject("order-settled", "This order does not wait for a payment.");

/** What a cart has become; its id is the cart's. Everybody may look, only the shop itself tells it what to do. */
export const order = h
  .entity("order", {
    initial: () => ({ status: "none" as Status, country: "", items: [] as readonly Item[] }),
    events: {
      opened: z.object({ country, items: z.array(item).readonly() }),
      paid: z.object({ country, receipt: z.string() }),
      cancelled: z.object({ country }),
    },
    evolve: {
      opened: (_order, { country, items }) => ({ status: "awaiting-payment", country, items }),
      paid: (order) => ({ ...order, status: "paid" }),
      cancelled: (order) => ({ ...order, status: "cancelled" }),
    },
    authorize: (_principal, action) => action.kind !== "command",
    history: true,
  })
  .command("cancel", {
    decide: ({ status, country }, _input, { events }) =>
      status === "awaiting-payment" ? events.cancelled({ country }) : settled(),
  })
  .command("open", {
    input: z.object({ country, items: z.array(item).readonly() }),
    // `decide` is pure: what comes from outside, a setting for example, is prepared.
    prepare: (_input, { services }) => services.paymentMs,
    decide: ({ status }, input, { events, schedule, prepared: paymentMs }) => {
      if (status !== "none") return reject("order-exists", "This order was opened before.");
      schedule("payment", { afterMs: paymentMs }).cancel();
      return events.opened(input);
    },
  })
  .command("pay", {
    input: z.object({ receipt: z.string() }),
    decide: ({ status, country }, { receipt }, { events, cancel }) => {
      if (status !== "awaiting-payment") return settled();
      cancel("payment");
      return events.paid({ country, receipt });
    },
  });
