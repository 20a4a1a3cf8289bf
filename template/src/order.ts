import { reject } from "holdfast";
import * as z from "zod";
import { h } from "./holdfast.ts";

/** What somebody buys: placed once, and perhaps cancelled. */
export const order = h
  .entity("order", {
    initial: () => ({ status: "none" as "none" | "placed" | "cancelled" }),
    events: {
      placed: z.object({ product: z.string(), quantity: z.int() }),
      cancelled: z.object({}),
    },
    evolve: {
      placed: () => ({ status: "placed" }),
      cancelled: () => ({ status: "cancelled" }),
    },
  })
  .command("place", {
    input: z.object({ product: z.string().min(1).max(100), quantity: z.int().positive() }),
    decide: ({ status }, input, { events }) =>
      status === "none" ? events.placed(input) : reject("order-exists", "This order was placed before."),
  })
  .command("cancel", {
    decide: ({ status }, _input, { events }) =>
      status === "placed" ? events.cancelled({}) : reject("not-placed", "There is nothing to cancel."),
  });
