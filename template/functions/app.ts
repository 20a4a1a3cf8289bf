import { order } from "../src/order.ts";
import { product } from "../src/product.ts";
import { sales } from "../src/sales.ts";
import { h } from "../src/holdfast.ts";

/** The app: the same program on every target. */
export default h.app({ entities: [order, product], subscriptions: [sales] });
