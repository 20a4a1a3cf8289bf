export { removeExpired } from "./expired.ts";
export { createTablesFailures } from "./failures.ts";
export { createMarkedTablesJournal, createTablesJournal } from "./journal.ts";
export { createTablesPlaces } from "./places.ts";
export type { TablesOptions } from "./options.ts";
export { type RecordsRange, scanRecords } from "./scan.ts";
export { checkTable } from "./table.ts";
