export type { AzurePlan, PlannedQueue, PlannedRule, PlannedSubscription, PlannedTimer } from "./plan.ts";
export { azurePlan } from "./plan.ts";
