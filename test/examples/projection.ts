import { holdfast, on, type App, type Subscription } from "holdfast";
import * as z from "zod";
import { departments } from "../../examples/orders/departments.ts";
import type { World } from "../../examples/orders/holdfast.ts";
import { order } from "../../examples/orders/order.ts";

// A new feature of examples/orders, years later: how many orders came to which state on which day. Nothing of what writes is
// touched: its modules are imported as they are.

const h = holdfast<World>();

/** So many entities share the orders of one day: in the clouds each of them is one write at a time. */
export const shards = 8;

export interface Tally {
  /** How many orders have come to it, by state. */
  readonly came: { readonly [state: string]: number };
}

/** Orders of one day, by the state that they have come to; of one of the day's shards. */
export const tally = h
  .entity("tally", {
    initial: (): Tally => ({ came: {} }),
    events: { counted: z.object({ state: z.string() }) },
    evolve: { counted: ({ came }, { state }) => ({ came: { ...came, [state]: (came[state] ?? 0) + 1 } }) },
  })
  .command("count", {
    input: z.object({ state: z.string() }),
    decide: (_tally, input, { events }) => events.counted(input),
  });

/** `2026-11-21`, in UTC. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

export function shardOf(id: string): number {
  let sum = 0;
  for (const char of id) sum = (sum * 31 + char.charCodeAt(0)) % 65_521;
  return sum % shards;
}

export const reading: Subscription<World> = h.subscription("reading", {
  to: Object.values(order.events).map((event) => on(event)),
  from: "beginning",
  handle: async ({ id, subject, time, data }, { call }) => {
    const { toState } = data as { readonly toState: string };
    // The event is the key: it is counted once, however old it is.
    await call(tally, `${dayOf(time)}.${shardOf(subject)}`, { key: id }).count({ state: toState });
  },
});

/** The app as it was, with one more entity and one more subscription. */
export const app: App<unknown, World> = h.app({ entities: [order, tally], subscriptions: [...departments, reading] });
