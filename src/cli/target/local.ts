import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Replay, ReplayRequest } from "../../core/delivery/port.ts";
import { subscriptionName } from "../../core/delivery/subscriptions.ts";
import { createRuntime } from "../../core/runtime/runtime.ts";
import { createSystem } from "../../core/runtime/system.ts";
import { createSqliteJournal, type SqliteJournal } from "../../local/index.ts";
import { CliError } from "../cli-error.ts";
import { progress } from "../output.ts";
import type { ReplayDone, ReplayHow, Tools } from "./tools.ts";

/** How often it is looked how far the replay is, milliseconds. */
const pollMs = 250;
/** After which a replay that has not begun is remarked on, milliseconds. */
const patienceMs = 3_000;

/** Records that are read at once. */
const pageMax = 1_000;

/** Opens the journal of a data folder; a tool never makes one. */
export function openLocal(data: string): Tools {
  const file = join(data, "holdfast.db");
  checkAccess(file);
  const journal = createSqliteJournal({ file, system: createSystem() });
  return {
    journal,
    letters: journal,
    idsMax: pageMax,
    async *records({ tenant, entity }) {
      for (let position = 0; ; ) {
        const records = await journal.recordsAfter(position, pageMax);
        const last = records.at(-1);
        if (last === undefined) return;
        position = last.position;
        yield records
          .filter(({ stream }) => stream.tenant === (tenant ?? stream.tenant))
          .filter(({ stream }) => stream.entity === (entity ?? stream.entity));
      }
    },
    entityHint: (entity, tenant) => entityHint(file, entity, tenant),
    consumers: () => journal.consumers(),
    async send(consumer, messages) {
      await journal.send(consumer, messages);
      return messages.map(() => undefined);
    },
    replay: (request, how) => replay(journal, request, how),
    // A host looks for what others have stored.
    runtime: async (app) => createRuntime(app, { journal }),
    // Erasing does it, in the same file.
    blank: async () => {},
    close: () => journal.close(),
  };
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

function entityHint(file: string, entity: string, tenant?: string): string {
  const db = new DatabaseSync(file, { readOnly: true });
  const rows = db
    .prepare("SELECT DISTINCT entity FROM streams WHERE tenant = coalesce(?, tenant) ORDER BY entity")
    .all(tenant ?? null);
  db.close();
  const stored = rows.map((row) => String(row["entity"]));
  if (stored.includes(entity)) return "";
  const place = tenant === undefined ? "The journal" : `Tenant "${tenant}"`;
  return stored.length === 0 ? ` ${place} has no entity at all.` : ` ${place} has: ${stored.join(", ")}.`;
}

/** Asks a running host for it. */
async function replay(journal: SqliteJournal, request: ReplayRequest, { wait }: ReplayHow): Promise<ReplayDone> {
  await checkSubscription(journal, request.subscription);
  await journal.addReplay(request);
  if (!wait) return { kind: "waiting" };
  const { handled, skipped } = await finished(journal, request.id);
  return { kind: "handled", events: handled, skipped };
}

async function checkSubscription(journal: SqliteJournal, subscription: string): Promise<void> {
  const known = await journal.consumers();
  if (known.includes(subscriptionName(subscription))) return;
  const prefix = subscriptionName("");
  const others = known.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  throw new CliError(
    `No host has ever run subscription "${subscription}". ${others.length === 0 ? "There are none." : `There are ${others.join(", ")}.`}`,
    2,
  );
}

/** Waits for its end, and says how far it is. */
async function finished(journal: SqliteJournal, id: string): Promise<Replay> {
  const report = progress("events");
  for (let waited = 0; ; waited += pollMs) {
    const found = (await journal.replays()).find((replay) => replay.id === id);
    if (!found) throw new CliError(`Replay ${id} is gone.`);
    report(found.handled + found.skipped);
    if (found.finished !== undefined) {
      report();
      return found;
    }
    if (waited === patienceMs && found.position === 0 && found.handled === 0) {
      process.stderr.write("It waits for a host: start the app. It goes on without this command, too.\n");
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
