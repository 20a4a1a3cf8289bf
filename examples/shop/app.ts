import { cart } from "./cart.ts";
import { h } from "./holdfast.ts";

/** The shop: the same program on every target. */
export default h.app({ entities: [cart] });
