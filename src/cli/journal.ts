import { existsSync } from "node:fs";
import { join } from "node:path";
import { createSystem } from "../core/runtime/system.ts";
import { createSqliteJournal, type SqliteJournal } from "../local/index.ts";
import { CliError } from "./cli-error.ts";

/** Opens the journal of a data folder for `work`; a tool never makes one. */
export async function withJournal<T>(data: string, work: (journal: SqliteJournal) => Promise<T>): Promise<T> {
  const file = join(data, "holdfast.db");
  if (!existsSync(file)) throw new CliError(`There is no journal at ${file}. Name its folder with --data <folder>.`);
  const journal = createSqliteJournal({ file, system: createSystem() });
  try {
    return await work(journal);
  } finally {
    await journal.close();
  }
}
