import type { MessageStoreCase } from "./delivery-case.ts";
import { buryCases } from "./messages-bury.ts";
import { deadCases } from "./messages-dead.ts";
import { dueCases } from "./messages-due.ts";
import { recordsCases } from "./messages-records.ts";
import { settleCases } from "./messages-settle.ts";
import { takeCases } from "./messages-take.ts";

export type { DeliveryStore, MessageStoreCase, MessageStoreContext, MessageStoreNeed } from "./delivery-case.ts";

/**
 * The specification of the ports `MessageStore`, `DeadLetterStore` and `ReplayStore` as cases: data, for whichever test
 * runner, like `journalConformance`, which the same store has to pass, too.
 * Source: `src/core/delivery/port.ts`; every sentence of it has a case.
 */
export const messageStoreConformance: readonly MessageStoreCase[] = [
  ...recordsCases,
  ...takeCases,
  ...settleCases,
  ...buryCases,
  ...dueCases,
  ...deadCases,
];
