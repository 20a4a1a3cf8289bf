export { createServiceBusBus } from "./bus.ts";
export { queueName, topicName } from "./names.ts";
export type { ServiceBusOptions } from "./options.ts";
export type { CompiledRules } from "./rules.ts";
export { subscriptionRules } from "./rules.ts";
