export { createDynamoJournal } from "./journal.ts";
export type { DynamoOptions } from "./options.ts";
export { checkTable, tableInput } from "./table.ts";
