import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { holdfast, silentLogger } from "holdfast";
import { serve, type LocalHost } from "holdfast/local";
import { atOnce } from "../harness.ts";
import { answerParent } from "./answer.ts";

export interface IdleQuestion {
  /** Timers that are set before the first measurement, one per entity. */
  readonly pending: number;
  /** How long to be idle. */
  readonly ms: number;
}

export interface IdleAnswer {
  /** CPU time, user and system, that this process used meanwhile. */
  readonly cpuMs: number;
}

const h = holdfast();

const reminder = h
  .entity("reminder", { initial: () => ({}), events: {}, evolve: {} })
  .command("remind", { decide: () => [] })
  .command("set", {
    decide: (_, __, { schedule }) => {
      schedule("tomorrow", { afterMs: 86_400_000 }).remind();
      return [];
    },
  });

let host: LocalHost | undefined;

async function open(pending: number): Promise<LocalHost> {
  const data = join(process.argv[2] ?? "", `timers-${pending}`);
  mkdirSync(data, { recursive: true });
  const started = await serve(h.app({ entities: [reminder] }), {
    port: 0,
    data,
    signals: false,
    synchronous: "normal",
    logger: silentLogger,
  });
  await atOnce(256, pending, (i) => started.runtime.call(reminder, `r${i}`).set());
  // They are rows now: what is measured is not their setting.
  const db = new DatabaseSync(join(data, "holdfast.db"), { readOnly: true });
  const rows = db.prepare("SELECT count(*) AS rows FROM messages WHERE armed = 1");
  while (rows.get()?.["rows"] !== pending) await sleep(20);
  db.close();
  return started;
}

/** Nothing happens but what happens by itself. */
async function idle({ pending, ms }: IdleQuestion): Promise<IdleAnswer> {
  host ??= await open(pending);
  const before = process.cpuUsage();
  await sleep(ms);
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000 };
}

answerParent(idle, async () => void (await host?.close()));
