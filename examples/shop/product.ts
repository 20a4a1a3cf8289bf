import { reject } from "holdfast";
import * as z from "zod";
import { h } from "./holdfast.ts";
import { productName } from "./item.ts";

const details = z.object({ name: productName, price: z.number().nonnegative(), revision: z.int().positive() });

/** What the shop sells, as its suppliers describe it. */
export const product = h
  .entity("product", {
    initial: () => ({ name: "", price: 0, revision: 0 }),
    events: { described: details },
    evolve: { described: (_product, described) => described },
    authorize: (_principal, action) => action.kind !== "command",
  })
  .command("describe", {
    input: details,
    decide: ({ revision }, input, { events }) =>
      input.revision > revision ? events.described(input) : reject("outdated", `Revision ${revision} is known.`),
  });
