import { holdfast, type Holdfast } from "holdfast";

/** What the shop's entities are declared with; services come in its second half. */
export const h: Holdfast<undefined> = holdfast();
