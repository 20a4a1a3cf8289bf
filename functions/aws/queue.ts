import { createQueueHandler, type QueueHandler } from "holdfast/aws/lambda";
import { shop } from "./deployment.ts";

/** What is in the shop's queues: events for subscriptions, messages to entities, timers, imports. */
export const handler: QueueHandler = createQueueHandler(shop);

// Lambda lends a whole processor while a container starts: clients are loaded then, not by the first invocation.
await shop.messaging();
