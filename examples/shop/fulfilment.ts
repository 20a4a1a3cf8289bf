import { on, type Subscription } from "holdfast";
import * as z from "zod";
import { h, type Services } from "./holdfast.ts";
import { order } from "./order.ts";

/** A parcel on its way; its id is the order's. */
export const shipment = h
  .entity("shipment", {
    initial: () => ({ warehouse: "", sent: false }),
    events: { sent: z.object({ warehouse: z.string() }) },
    evolve: { sent: (_shipment, { warehouse }) => ({ warehouse, sent: true }) },
    authorize: (_principal, action) => action.kind !== "command",
  })
  .command("send", {
    input: z.object({ warehouse: z.string() }),
    decide: (_shipment, input, { events }) => events.sent(input),
  });

/** Sends what is paid to where we have a warehouse. The filter is data: in the clouds the broker applies it. */
export const fulfilment: Subscription<Services> = h.subscription("fulfilment", {
  to: [on(order.events.paid, { country: ["AT", "DE"] })],
  handle: async (event, { call }) => {
    const warehouse = event.data.country === "AT" ? "Vienna" : "Hamburg";
    await call(shipment, event.subject).send({ warehouse });
  },
});
