import * as z from "zod";
import { country, item, productId, productName } from "../../../../examples/shop/item.ts";

// What the shop declares with its schema library: that library is the app's, and counts on both sides.

const counts = z.object({ opened: z.int(), paid: z.int(), cancelled: z.int() });
const items = z.array(item).readonly();
const price = z.number().nonnegative();

/** As many schemas as the shop has, of the same shapes. */
export const schemas = {
  item,
  country: z.object({ country }),
  removed: z.object({ productId }),
  opened: z.object({ country, items }),
  open: z.object({ country, items }),
  paid: z.object({ country, receipt: z.string() }),
  pay: z.object({ receipt: z.string() }),
  cancelled: z.object({ country }),
  checkOut: z.object({ country }),
  sent: z.object({ warehouse: z.string() }),
  send: z.object({ warehouse: z.string() }),
  details: z.object({ name: productName, price, revision: z.int().positive() }),
  row: z.object({ productId, name: productName, price, revision: z.int().positive().default(1) }),
  counts,
  counted: z.object({ what: counts.keyof() }),
  count: z.object({ what: counts.keyof() }),
} as const;
