import type { BusCase } from "./bus-case.ts";
import { entryCases } from "./bus-entries.ts";
import { filterCases } from "./bus-filters.ts";
import { orderCases } from "./bus-order.ts";
import { timeCases } from "./bus-time.ts";

export type { BusCase, BusContext, BusNeed, OpenBus } from "./bus-case.ts";

/**
 * The specification of the port `Bus` as cases: data, for whichever test runner. What a broker does wrong they look for
 * from both sides: what goes in through the port, and what its queues hand out.
 * Source: `src/core/broker/bus.ts`.
 */
export const busConformance: readonly BusCase[] = [...orderCases, ...entryCases, ...timeCases, ...filterCases];
