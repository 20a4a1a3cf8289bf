import { on, type Subscription } from "holdfast";
import { h, type World } from "./holdfast.ts";
import { order } from "./order.ts";

// Nobody conducts: each department reacts to what has happened, and says what it has done. What it does outside has the
// event's id as its key, so that doing it again changes nothing; what it tells the order has its effect once.

const payment = h.subscription("payment", {
  to: [on(order.events.accepted)],
  handle: async ({ id, subject, data }, { call, services }) => {
    const receipt = await services.charge({ order: subject, key: id }, data.total);
    if (receipt === undefined) await call(order, subject).paymentFailed({ reason: "The card was refused." });
    else await call(order, subject).paid({ receipt });
  },
});

const factory = h.subscription("factory", {
  to: [on(order.events.paid)],
  handle: async ({ id, subject }, { call, services }) => {
    if (await services.make({ order: subject, key: id })) await call(order, subject).manufactured({});
    else await call(order, subject).manufacturingFailed({ reason: "It cannot be made." });
  },
});

const warehouse = h.subscription("warehouse", {
  to: [on(order.events.manufactured)],
  handle: async ({ subject }, { call }) => void (await call(order, subject).moved({})),
});

const dispatch = h.subscription("dispatch", {
  to: [on(order.events.moved)],
  handle: async ({ id, subject }, { call, services }) => {
    const parcel = await services.ship({ order: subject, key: id });
    await call(order, subject).dispatched({ parcel });
  },
});

const carrier = h.subscription("carrier", {
  to: [on(order.events.dispatched)],
  handle: async ({ id, subject }, { call, services }) => {
    if (await services.carry({ order: subject, key: id })) await call(order, subject).delivered({});
    else await call(order, subject).productLost({});
  },
});

const customer = h.subscription("customer", {
  to: [on(order.events.delivered)],
  handle: async ({ id, subject }, { call, services }) => {
    const reason = await services.ask({ order: subject, key: id });
    if (reason === undefined) await call(order, subject).confirmed({});
    else await call(order, subject).disputeOpened({ reason });
  },
});

const negotiation = h.subscription("negotiation", {
  to: [on(order.events.disputeOpened)],
  handle: async ({ id, subject }, { call, services }) => {
    if (await services.negotiate({ order: subject, key: id })) await call(order, subject).succeeded({});
    else await call(order, subject).failed({});
  },
});

/** Money goes back wherever the order comes from: what counts is the state that it has come to. */
const refund = h.subscription("refund", {
  to: [
    on(order.events.manufacturingFailed, { toState: "refund_pending" }),
    on(order.events.productLost, { toState: "refund_pending" }),
    on(order.events.failed, { toState: "refund_pending" }),
  ],
  handle: async ({ id, subject }, { call, services }) => {
    await services.refund({ order: subject, key: id });
    await call(order, subject).refundCompleted({});
  },
});

export const departments: readonly Subscription<World>[] = [
  payment,
  factory,
  warehouse,
  dispatch,
  carrier,
  customer,
  negotiation,
  refund,
];
