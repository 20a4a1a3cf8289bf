import type { Units } from "./meter.ts";

/**
 * US dollars per million request units: on demand, table class Standard, us-east-1, since November 2024.
 * Source: aws.amazon.com/dynamodb/pricing/on-demand, as of November 2026
 */
export const dollarsPerMillion: Units = { write: 0.625, read: 0.125 };

/** Dollars for a million commands of which one is billed so many units. */
export function priceOf({ write, read }: Units): number {
  return write * dollarsPerMillion.write + read * dollarsPerMillion.read;
}
