import { machine } from "holdfast";
import * as z from "zod";

const nothing = z.object({});

/**
 * An order from its making to its confirmation, or its refund. Names of states say what it waits for, names of events
 * what has happened.
 */
export const order = machine("order", {
  initial: "order_created",
  data: () => ({ customer: "", total: 0, refunds: 0 }),
  events: {
    accepted: z.object({ customer: z.string(), total: z.number().positive() }),
    paid: z.object({ receipt: z.string() }),
    paymentFailed: z.object({ reason: z.string() }),
    withdrawn: nothing,
    manufactured: nothing,
    manufacturingFailed: z.object({ reason: z.string() }),
    moved: nothing,
    dispatched: z.object({ parcel: z.string() }),
    delivered: nothing,
    productLost: nothing,
    confirmed: nothing,
    disputeOpened: z.object({ reason: z.string() }),
    succeeded: nothing,
    failed: nothing,
    refundCompleted: nothing,
  },
  evolve: {
    accepted: (data, { customer, total }) => ({ ...data, customer, total }),
    refundCompleted: (data) => ({ ...data, refunds: data.refunds + 1 }),
  },
  states: {
    order_created: { on: { accepted: "payment_pending" } },
    payment_pending: {
      on: { paid: "manufacturing_pending", paymentFailed: "order_created", withdrawn: "order_cancelled" },
      timeout: { after: { minutes: 15 }, to: "order_cancelled" },
    },
    manufacturing_pending: { on: { manufactured: "stock_pending", manufacturingFailed: "refund_pending" } },
    stock_pending: { on: { moved: "dispatch_pending" } },
    dispatch_pending: { on: { dispatched: "delivery_pending" } },
    delivery_pending: { on: { delivered: "confirmation_pending", productLost: "refund_pending" } },
    confirmation_pending: { on: { confirmed: "order_confirmed", disputeOpened: "dispute_negotiation_pending" } },
    dispute_negotiation_pending: { on: { succeeded: "order_confirmed", failed: "refund_pending" } },
    refund_pending: { on: { refundCompleted: "order_cancelled" } },
    order_confirmed: { final: true },
    order_cancelled: { final: true },
  },
  history: true,
  audit: true,
});
