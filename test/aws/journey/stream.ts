import { createStreamHandler, type StreamHandler } from "holdfast/aws/lambda";
import { journeys } from "./deployment.ts";

export const handler: StreamHandler = createStreamHandler(journeys);
