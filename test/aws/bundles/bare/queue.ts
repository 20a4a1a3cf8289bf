/** A queue's handler has the same clients as the relay. */
export { handler } from "./stream.ts";
