import { holdfast, machine, on, reports, reportsOf } from "holdfast";
import * as z from "zod";

const h = holdfast();
const ofOrder = z.object({ order: z.string() });
const holdMs = 60_000;

/** What an order has of a stock: for a while, or confirmed. */
interface Reservation {
  readonly order: string;
  /** The timer that ends it; none where it is confirmed. */
  readonly timer?: string;
}

export const stock = h
  .entity("stock", {
    initial: () => ({ capacity: 2, reservations: [] as readonly Reservation[] }),
    events: {
      reserved: z.object({ order: z.string(), timer: z.string() }),
      refused: ofOrder,
      confirmed: ofOrder,
      missed: ofOrder,
      expired: ofOrder,
      cancelled: ofOrder,
    },
    evolve: {
      reserved: (stock, { order, timer }) => ({ ...stock, reservations: [...stock.reservations, { order, timer }] }),
      refused: (stock) => stock,
      confirmed: (stock, { order }) => ({ ...stock, reservations: [...without(stock.reservations, order), { order }] }),
      missed: (stock) => stock,
      expired: (stock, { order }) => ({ ...stock, reservations: without(stock.reservations, order) }),
      cancelled: (stock, { order }) => ({ ...stock, reservations: without(stock.reservations, order) }),
    },
  })
  .command("expire", {
    input: ofOrder,
    decide: ({ reservations }, { order }, { events }) =>
      reservations.some((one) => one.order === order && one.timer) ? events.expired({ order }) : [],
  })
  .command("reserve", {
    input: ofOrder,
    decide({ capacity, reservations }, { order }, { events, version, schedule }) {
      if (reservations.some((one) => one.order === order)) return [];
      if (reservations.length >= capacity) return events.refused({ order });
      const timer = `hold-${version}`;
      schedule(timer, { afterMs: holdMs }).expire({ order });
      return events.reserved({ order, timer });
    },
  })
  .command("confirm", {
    input: ofOrder,
    decide({ reservations }, { order }, { events, cancel }) {
      const found = reservations.find((one) => one.order === order);
      if (!found) return events.missed({ order });
      if (!found.timer) return [];
      cancel(found.timer);
      return events.confirmed({ order });
    },
  })
  .command("cancel", {
    input: ofOrder,
    decide({ reservations }, { order }, { events, cancel }) {
      const found = reservations.find((one) => one.order === order);
      if (found?.timer) cancel(found.timer);
      // Also where there was nothing: who asks is told that nothing is left.
      return events.cancelled({ order });
    },
  });

function without(reservations: readonly Reservation[], order: string): readonly Reservation[] {
  return reservations.filter((one) => one.order !== order);
}

const reserved = reports("reserved", { by: "stock" });
const confirmed = reports("confirmed", { by: "stock" });
const gone = reports("gone", { by: "stock" });
const ofStock = z.object({ stock: z.string() });

/** One of each of its stocks, or nothing. */
export const order = machine("order", {
  initial: "new",
  data: () => ({
    stocks: [] as readonly string[],
    reserved: reportsOf([]),
    confirmed: reportsOf([]),
    gone: reportsOf([]),
  }),
  events: {
    placed: z.object({ stocks: z.array(z.string().min(1)).min(1).max(20) }),
    reserved: ofStock,
    confirmed: ofStock,
    lost: ofStock,
    cancelled: ofStock,
  },
  evolve: {
    placed: (_data, { stocks }) => ({
      stocks: reportsOf(stocks).missing,
      reserved: reportsOf(stocks),
      confirmed: reportsOf(stocks),
      gone: reportsOf(stocks),
    }),
    reserved: reserved.count,
    confirmed: confirmed.count,
    cancelled: gone.count,
  },
  states: {
    new: { on: { placed: "reserving" } },
    reserving: {
      entry: ({ stocks }, { id, send }) => stocks.forEach((one) => send(stock, one).reserve({ order: id })),
      on: {
        reserved: [{ to: "confirming", guard: reserved.all }, { guard: reserved.any }],
        lost: { to: "cancelling", guard: gone.any },
      },
      timeout: { after: { minutes: 5 }, to: "cancelling" },
    },
    confirming: {
      entry: ({ stocks }, { id, send }) => stocks.forEach((one) => send(stock, one).confirm({ order: id })),
      on: {
        confirmed: [{ to: "done", guard: confirmed.all }, { guard: confirmed.any }],
        lost: { to: "cancelling", guard: gone.any },
      },
      timeout: { after: { minutes: 5 }, to: "cancelling" },
    },
    cancelling: {
      // At each stock, also where it has reported that there is nothing: the last word is ours.
      entry: ({ stocks }, { id, send }) => stocks.forEach((one) => send(stock, one).cancel({ order: id })),
      on: { cancelled: [{ to: "cancelled", guard: gone.all }, { guard: gone.any }] },
    },
    done: { final: true },
    cancelled: { final: true },
  },
});

/** What has happened at a stock is told to the order. */
const reporting = h.subscription("reporting", {
  to: [
    on(stock.events.reserved),
    on(stock.events.confirmed),
    on(stock.events.cancelled),
    on(stock.events.refused),
    on(stock.events.missed),
    on(stock.events.expired),
  ],
  handle: async ({ type, subject, data }, { call }) => {
    const to = call(order, data.order);
    if (type === "stock.reserved") await to.reserved({ stock: subject });
    else if (type === "stock.confirmed") await to.confirmed({ stock: subject });
    else if (type === "stock.cancelled") await to.cancelled({ stock: subject });
    else await to.lost({ stock: subject });
  },
});

export const app = h.app({ entities: [stock, order], subscriptions: [reporting] });
