import { createQueueHandler, type QueueHandler } from "holdfast/aws/lambda";
import { journeys } from "./deployment.ts";

export const handler: QueueHandler = createQueueHandler(journeys);
