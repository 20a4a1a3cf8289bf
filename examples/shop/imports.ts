import type { Worker } from "holdfast";
import * as z from "zod";
import { h, type Services } from "./holdfast.ts";
import { productId, productName } from "./item.ts";
import { product } from "./product.ts";

const row = z.object({
  id: productId,
  name: productName,
  price: z.number().nonnegative(),
  revision: z.int().positive().default(1),
});

/**
 * Imports products from a queue that somebody else fills. A row that comes twice is imported once, a malformed one is a
 * dead letter, and rows come in no particular order: the product itself refuses what is outdated.
 */
export const imports: Worker<typeof row, Services> = h.worker("imports", {
  queue: "imports",
  input: row,
  key: ({ id, revision }) => `${id}@${revision}`,
  handle: async ({ id, ...details }, { call, log }) => {
    const described = await call(product, id).describe(details);
    if (!described.ok) log.info({ product: id }, `product ${id}: ${described.message}`);
  },
});
