import { createSystem, type System } from "holdfast";
import { createSqliteJournal } from "holdfast/local";

/** A journal on SQLite. */
export type LocalJournal = ReturnType<typeof createSqliteJournal>;

export const system: System = createSystem();

/** Lets `work` fill a journal without waiting for the disk, then opens it again as it is measured. */
export async function filledJournal(
  file: string,
  work: (journal: LocalJournal) => Promise<void>,
): Promise<LocalJournal> {
  const journal = createSqliteJournal({ file, system, synchronous: "normal" });
  await work(journal);
  await journal.close();
  return createSqliteJournal({ file, system });
}
