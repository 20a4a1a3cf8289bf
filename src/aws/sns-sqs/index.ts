export { createSnsSqsBus } from "./bus.ts";
export type { Declared } from "./carriage.ts";
export type { CheckBusOptions } from "./check.ts";
export { checkBus } from "./check.ts";
export type { Condition } from "./conditions.ts";
export { consumersOf, deadQueueName, isOrdered, queueName } from "./names.ts";
export type { ScheduleOptions, SnsSqsOptions } from "./options.ts";
export type { CompiledPolicy, FilterPolicy } from "./policy.ts";
export { filterPolicies, filterPolicy } from "./policy.ts";
