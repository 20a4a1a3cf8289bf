import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createSystem } from "../core/runtime/system.ts";
import { createSqliteJournal, type SqliteJournal } from "../local/index.ts";
import { CliError } from "./cli-error.ts";

/** Opens the journal of a data folder for `work`; a tool never makes one. */
export async function withJournal<T>(data: string, work: (journal: SqliteJournal) => Promise<T>): Promise<T> {
  const file = join(data, "holdfast.db");
  checkAccess(file);
  const journal = createSqliteJournal({ file, system: createSystem() });
  try {
    return await work(journal);
  } finally {
    await journal.close();
  }
}

/** Whoever may not open the file may not use the tool on it: there is no other door. */
function checkAccess(file: string): void {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
  } catch (error) {
    const missing = error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
    if (missing) throw new CliError(`There is no journal at ${file}. Name its folder with --data <folder>.`, 2);
    throw new CliError(
      `The journal at ${file} may not be read and written by this user. Run this as the user of its host.`,
      2,
    );
  }
}

/** For who has misspelt an entity: what is stored instead. Empty if the entity is stored. */
export function hintAt(data: string, entity: string, tenant?: string): string {
  const db = new DatabaseSync(join(data, "holdfast.db"), { readOnly: true });
  const rows = db
    .prepare("SELECT DISTINCT entity FROM streams WHERE tenant = coalesce(?, tenant) ORDER BY entity")
    .all(tenant ?? null);
  db.close();
  const stored = rows.map((row) => String(row["entity"]));
  if (stored.includes(entity)) return "";
  const place = tenant === undefined ? "The journal" : `Tenant "${tenant}"`;
  return stored.length === 0 ? ` ${place} has no entity at all.` : ` ${place} has: ${stored.join(", ")}.`;
}
