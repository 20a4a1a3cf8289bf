import { createHttpHandler, type HttpHandler } from "holdfast/aws/lambda";
import { shop } from "./deployment.ts";

/** The shop's HTTP interface. Everybody may fill a cart: this is an example. */
export const handler: HttpHandler = createHttpHandler(shop, { public: true });
