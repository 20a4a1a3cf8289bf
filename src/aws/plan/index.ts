export type { AwsPlan, PlannedQueue, PlannedSchedule } from "./plan.ts";
export { awsPlan } from "./plan.ts";
