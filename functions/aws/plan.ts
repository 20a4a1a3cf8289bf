import { awsPlan, type AwsPlan } from "holdfast/aws/plan";
import app from "../app.ts";

export type { AwsPlan, PlannedQueue } from "holdfast/aws/plan";

/** What a deployment of the shop on AWS consists of; `npm run synth` makes the template from it. */
export const plan: AwsPlan = awsPlan(app);
