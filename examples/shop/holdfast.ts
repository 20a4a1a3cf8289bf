import { holdfast, type Holdfast } from "holdfast";
import type { Gateway } from "./gateway.ts";

/** What the shop needs from outside; each run, and each test, brings its own. */
export interface Services {
  readonly gateway: Gateway;
  /** How long an order may stay unpaid, milliseconds. */
  readonly paymentMs: number;
}

/** What the shop's parts are declared with. */
export const h: Holdfast<Services> = holdfast();
