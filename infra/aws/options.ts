import type { AwsPlan } from "../../functions/aws/plan.ts";

/** What a deployment is made from. */
export interface DeploymentOptions {
  /** Begins the names of all that is made, 1 to 17 of a-z, 0-9 and hyphen. */
  readonly name: string;
  readonly plan: AwsPlan;
  /** The folder with a folder for each function: `http`, `queue`, `stream`. */
  readonly code: string;
  /** Of the functions, besides what Holdfast needs. */
  readonly environment?: { readonly [name: string]: string };
  readonly region?: string;
  /** Where alarms are sent: the ARN of an SNS topic. Default: they are there, and tell nobody. */
  readonly alarmTopic?: string;
  /** Requests a second, and at once, that the HTTP API takes. Default 1,000 and 2,000. */
  readonly throttle?: { readonly perSecond: number; readonly burst: number };
}

/** SQS allows 80 characters for a queue's name, of which the longest of a consumer's has 63. */
export function checkName(name: string): void {
  if (/^[a-z][a-z0-9-]{0,15}[a-z0-9]$/.test(name)) return;
  throw new Error(`The deployment's name is ${JSON.stringify(name)}; it has to be 2 to 17 of a-z, 0-9 and hyphen.`);
}
