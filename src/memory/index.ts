export type { MemoryJournal } from "./journal.ts";
export { createMemoryJournal } from "./journal.ts";
export { createMemoryBroker, type MemoryBroker } from "./broker.ts";
export { createMemoryFailures } from "./failures.ts";
export { createMemoryPlaces } from "./places.ts";
