import { HoldfastError } from "holdfast";
import { createGateway } from "./gateway.ts";
import type { Services } from "./holdfast.ts";

/** The longest that makes sense: 30 days, milliseconds. */
const paymentMsMax = 30 * 86_400_000;

/**
 * What the shop runs with. `HOLDFAST_SHOP_PAYMENT_MS`: after how many milliseconds an unpaid order is cancelled, 15 minutes
 * by default.
 * @throws HoldfastError `invalid-options` for a value that is none
 */
export function shopServices(env: { readonly [name: string]: string | undefined }): Services {
  const text = env["HOLDFAST_SHOP_PAYMENT_MS"] || "900000";
  const paymentMs = /^\d+$/.test(text) ? Number(text) : 0;
  if (paymentMs < 1 || paymentMs > paymentMsMax) {
    throw new HoldfastError(
      "invalid-options",
      `HOLDFAST_SHOP_PAYMENT_MS is ${JSON.stringify(text)}; it must be a whole number of milliseconds, 1 to ${paymentMsMax}.`,
    );
  }
  return { gateway: createGateway(), paymentMs };
}
