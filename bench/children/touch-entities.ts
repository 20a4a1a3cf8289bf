import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { createRuntime, createSystem } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import app from "../../examples/shop/app.ts";
import { atOnce } from "../harness.ts";
import { addItem, cartId, itemOf } from "../workload.ts";
import { answerParent } from "./answer.ts";

export interface TouchQuestion {
  readonly entities: number;
  readonly cacheEntitiesMax: number;
}

export interface TouchAnswer {
  /** Most memory that the process ever had, MB (2^20 bytes). */
  readonly peakMb: number;
  /** Mean resident memory while the second and the last quarter were touched, MB. */
  readonly secondMb: number;
  readonly lastMb: number;
  readonly ms: number;
}

/** One command to each entity; what is not in the cache any more has to be gone from memory. */
async function touch({ entities, cacheEntitiesMax }: TouchQuestion): Promise<TouchAnswer> {
  const system = createSystem();
  const journal = createSqliteJournal({ file: join(process.argv[2] ?? "", "touched.db"), system });
  const runtime = createRuntime(app, { journal, system, limits: { cacheEntitiesMax } });
  const quarters: number[][] = [[], [], [], []];
  const from = performance.now();
  const every = Math.ceil(entities / 200);
  await atOnce(64, entities, async (i) => {
    if (i % every === 0) quarters[Math.floor((4 * i) / entities)]?.push(process.memoryUsage.rss() / 2 ** 20);
    await addItem(runtime, cartId(i), randomUUID(), itemOf(i));
  });
  const ms = performance.now() - from;
  await runtime.close();
  await journal.close();
  const mean = (values: readonly number[] = []): number => values.reduce((sum, mb) => sum + mb, 0) / values.length;
  // maxRSS is in kilobytes.
  const peakMb = process.resourceUsage().maxRSS / 1_024;
  return { peakMb, secondMb: mean(quarters[1]), lastMb: mean(quarters[3]), ms };
}

answerParent(touch);
