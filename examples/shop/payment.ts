import { on, type Subscription } from "holdfast";
import { h, type Services } from "./holdfast.ts";
import { order } from "./order.ts";

/**
 * Takes the money for each order. It may run several times for one order: a throw is tried again, and so is what a crash
 * interrupts. The event's id makes the charge happen once at the gateway; `pay` happens once by itself.
 */
export const payment: Subscription<Services> = h.subscription("payment", {
  to: [on(order.events.opened)],
  retryFirstMs: 200,
  handle: async (event, { call, services, log }) => {
    const charge = await services.gateway.charge(event.id, event.data.items);
    // An answer, no failure: trying again would not help. The order's timer will cancel it.
    if (!charge.ok) return log.info({ order: event.subject }, `order ${event.subject} is not paid: ${charge.reason}`);
    const paid = await call(order, event.subject).pay({ receipt: charge.receipt });
    // The timer was faster.
    if (!paid.ok) await services.gateway.refund(event.id);
  },
});
