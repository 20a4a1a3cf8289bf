import type { JournalCase } from "./case.ts";
import { appendCases } from "./journal-append.ts";
import { eraseCases } from "./journal-erase.ts";
import { keyIndexCases } from "./journal-key-index.ts";
import { keyCases } from "./journal-keys.ts";
import { namesCases } from "./journal-names.ts";
import { payloadCases } from "./journal-payload.ts";
import { readCases } from "./journal-read.ts";
import { snapshotCases } from "./journal-snapshot.ts";
import { streamsCases } from "./journal-streams.ts";

export type { JournalCase, JournalContext, JournalNeed } from "./case.ts";

/**
 * The journal port's specification as cases: data, for whichever test runner. Run every case whose `needs` the journal
 * meets, each with a fresh store, and say how many did not apply. A journal that passes can carry Holdfast's
 * guarantees; one that answers `unknown` or throws while nothing is wrong with its store does not pass.
 * Source: `src/core/journal/port.ts`; every sentence of it has a case.
 */
export const journalConformance: readonly JournalCase[] = [
  ...appendCases,
  ...payloadCases,
  ...readCases,
  ...snapshotCases,
  ...keyCases,
  ...keyIndexCases,
  ...namesCases,
  ...streamsCases,
  ...eraseCases,
];
