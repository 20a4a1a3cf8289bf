export type { MemoryJournal } from "./journal.ts";
export { createMemoryJournal } from "./journal.ts";
