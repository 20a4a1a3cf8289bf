import { createQueueHandler, type QueueHandler } from "holdfast/aws/lambda";
import { crash } from "./deployment.ts";

export const handler: QueueHandler = createQueueHandler(crash);
