import { azurePlan, type AzurePlan } from "holdfast/azure/plan";
import app from "../app.ts";

export type { AzurePlan, PlannedQueue, PlannedSubscription } from "holdfast/azure/plan";

/** What a deployment of the shop on Azure consists of; `npm run synth:azure` makes the template from it. */
export const plan: AzurePlan = azurePlan(app);
