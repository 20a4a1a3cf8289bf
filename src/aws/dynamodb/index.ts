export { createDynamoFailures } from "./failures.ts";
export { createDynamoJournal } from "./journal.ts";
export { createDynamoPlaces } from "./places.ts";
export type { DynamoOptions } from "./options.ts";
export { scanRecords } from "./scan.ts";
export { checkTable, tableInput } from "./table.ts";
