import { on, type Subscription, type Timer } from "holdfast";
import * as z from "zod";
import { h, type Services } from "./holdfast.ts";
import { order } from "./order.ts";

const zone = "Europe/Vienna";
const counts = z.object({ opened: z.int(), paid: z.int(), cancelled: z.int() });

/** A day of the shop; its id is the date there, as in `2026-12-24`. */
export const report = h
  .entity("report", {
    initial: () => ({ opened: 0, paid: 0, cancelled: 0, closed: false }),
    events: { counted: z.object({ what: counts.keyof() }), closed: counts },
    evolve: {
      counted: (day, { what }) => ({ ...day, [what]: day[what] + 1 }),
      closed: (day) => ({ ...day, closed: true }),
    },
    authorize: (_principal, action) => action.kind !== "command",
  })
  .command("count", {
    input: z.object({ what: counts.keyof() }),
    decide: (_day, input, { events }) => events.counted(input),
  })
  .command("close", {
    decide: ({ closed, ...counts }, _input, { events }) => (closed ? [] : events.closed(counts)),
  });

/** Counts orders, also those from before the shop kept books. */
export const bookkeeping: Subscription<Services> = h.subscription("bookkeeping", {
  to: [on(order.events.opened), on(order.events.paid), on(order.events.cancelled)],
  from: "beginning",
  handle: async ({ type, time }, { call }) => {
    const what = type === "order.opened" ? "opened" : type === "order.paid" ? "paid" : "cancelled";
    await call(report, dayOf(time)).count({ what });
  },
});

/** Closes the books of the day that is over, at five past midnight in Vienna. */
export const nightly: Timer<Services> = h.timer("nightly", {
  cron: "5 0 * * *",
  zone,
  // From the tick, not from the clock: the same at every attempt, however late it comes.
  handle: async ({ call, tick }) => void (await call(report, dayOf(tick - 3_600_000)).close()),
});

let days: Intl.DateTimeFormat | undefined;

function dayOf(time: number): string {
  // Not before it is needed: it takes as long as the rest of the app together, and functions start often.
  days ??= new Intl.DateTimeFormat("sv-SE", { timeZone: zone });
  return days.format(time);
}
