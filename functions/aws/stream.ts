import { createStreamHandler, type StreamHandler } from "holdfast/aws/lambda";
import { shop } from "./deployment.ts";

/** What the shop has committed goes to its topic and queues. */
export const handler: StreamHandler = createStreamHandler(shop);

// Lambda lends a whole processor while a container starts: clients are loaded then, not by the first invocation.
await shop.messaging();
