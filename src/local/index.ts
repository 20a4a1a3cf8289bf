export { runLocal } from "./host/run.ts";
export type { Closed, LocalHost } from "./host/serve.ts";
export { serve } from "./host/serve.ts";
export type { SqliteJournal } from "./journal/sqlite.ts";
export { createSqliteJournal } from "./journal/sqlite.ts";
export type { LocalOptions, ServerLimits } from "./options.ts";
export { defaultServerLimits } from "./options.ts";
