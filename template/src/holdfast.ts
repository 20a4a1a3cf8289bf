import { holdfast } from "holdfast";

/** What the app's parts are declared with. */
export const h = holdfast();
