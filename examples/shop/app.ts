import { cart } from "./cart.ts";
import { fulfilment, shipment } from "./fulfilment.ts";
import { h } from "./holdfast.ts";
import { imports } from "./imports.ts";
import { order } from "./order.ts";
import { payment } from "./payment.ts";
import { product } from "./product.ts";
import { bookkeeping, nightly, report } from "./report.ts";

/** The shop: the same program on every target. */
export default h.app({
  entities: [cart, order, shipment, product, report],
  subscriptions: [payment, fulfilment, bookkeeping],
  workers: [imports],
  timers: [nightly],
});
