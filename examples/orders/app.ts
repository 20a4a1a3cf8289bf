import { departments } from "./departments.ts";
import { h } from "./holdfast.ts";
import { order } from "./order.ts";

/** Orders from their making to their confirmation, or their refund: one state machine, and departments that react to it. */
export default h.app({ entities: [order], subscriptions: departments });
