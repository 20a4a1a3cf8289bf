import type { DeliveryCase } from "./delivery-case.ts";
import { crashCases } from "./delivery-crashes.ts";
import { entityCases } from "./delivery-entities.ts";
import { faultCases } from "./delivery-faults.ts";
import { handlerCases } from "./delivery-handlers.ts";
import { leaseCases } from "./delivery-leases.ts";
import { queueCases } from "./delivery-queues.ts";
import { streamCases } from "./delivery-streams.ts";
import { subscriptionCases } from "./delivery-subscriptions.ts";

export type { DeliveryCase, DeliveryContext, DeliveryNeed, DeliveryStart } from "./delivery-case.ts";

/**
 * What subscriptions, workers and timers promise, as cases: data, for whichever test runner. They run whole apps, so they
 * say the same of every target; `createTestApp` is what starts an app on a store of one's own.
 * Source: the invariants 5 and 6 of the design (delivery at least once, in order per entity; poison is isolated).
 */
export const deliveryConformance: readonly DeliveryCase[] = [
  ...subscriptionCases,
  ...leaseCases,
  ...streamCases,
  ...handlerCases,
  ...entityCases,
  ...queueCases,
  ...crashCases,
  ...faultCases,
];
