import * as z from "zod";
import { h } from "./holdfast.ts";

/** How often a product was sold. */
export const product = h
  .entity("product", {
    initial: () => ({ sold: 0 }),
    events: { sold: z.object({ quantity: z.int() }) },
    evolve: { sold: (product, { quantity }) => ({ sold: product.sold + quantity }) },
    // Everybody may look; only the app itself says that something was sold.
    authorize: (_principal, action) => action.kind !== "command",
  })
  .command("sell", {
    input: z.object({ quantity: z.int() }),
    decide: (_product, input, { events }) => events.sold(input),
  });
