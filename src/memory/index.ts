export { createMemoryJournal } from "./journal.ts";
