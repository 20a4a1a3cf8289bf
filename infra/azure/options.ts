import type { AzurePlan } from "../../functions/azure/plan.ts";

/** What a deployment is made from. */
export interface DeploymentOptions {
  /** Begins the names of all that is made, 2 to 17 of a-z, 0-9 and hyphen. */
  readonly name: string;
  /** What the names of topic and queues begin with: `shop-`. Default: nothing. */
  readonly prefix?: string;
  readonly plan: AzurePlan;
  /** Settings of the functions, besides what Holdfast needs. */
  readonly environment?: { readonly [name: string]: string };
}

/** Of a storage account's 24 characters 13 are for what makes it unique; a function app may be told from others by 32. */
export function checkName(name: string): void {
  if (/^[a-z][a-z0-9-]{0,15}[a-z0-9]$/.test(name)) return;
  throw new Error(`The deployment's name is ${JSON.stringify(name)}; it has to be 2 to 17 of a-z, 0-9 and hyphen.`);
}

/** As the bus takes it, without `/`, which no name in a template can have. */
export function checkPrefix(prefix: string): void {
  if (/^([A-Za-z0-9][\w.-]{0,99})?$/.test(prefix)) return;
  throw new Error(
    `The prefix is ${JSON.stringify(prefix)}; it has to be up to 100 of A-Z, a-z, 0-9, _, . and hyphen, and begin with a letter or a digit.`,
  );
}
