import { createHttpHandler, type HttpHandler } from "holdfast/aws/lambda";
import { journeys } from "./deployment.ts";

export const handler: HttpHandler = createHttpHandler(journeys, { public: true });
