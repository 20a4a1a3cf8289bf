import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import type { Arguments } from "./arguments.ts";
import { createFolder } from "./folder.ts";
import { holds, type Bench, type Benchmark, type Row, type Shared } from "./harness.ts";
import { createProgress } from "./progress.ts";
import { format, header, toJson } from "./report.ts";

/** The bounds that were missed. */
export type Missed = readonly Row[];

/**
 * Runs the benchmarks that were asked for, in their order, and writes their rows to standard output as they come, and to
 * the file of `--json`. `remark`: what the first line says beside processor and rounds.
 */
export async function runBenchmarks(
  benchmarks: readonly Benchmark[],
  { names, quick, seconds, json }: Arguments,
  remark?: string,
): Promise<Missed> {
  const chosen = benchmarks.filter(({ name }) => names.length === 0 || names.includes(name));
  const folder = createFolder();
  const progress = createProgress(process.stderr);
  const made = new Map<unknown, Shared<unknown>>();
  const rounds = quick ? 3 : 5;
  const rows: Row[] = [];
  const processor = `${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"}`;
  process.stdout.write(
    `node ${process.versions.node} · ${processor} · median of ${rounds} · ${remark ?? folder.remark}\n\n${header()}\n`,
  );
  for (const [i, benchmark] of chosen.entries()) {
    const bench: Bench = {
      quick,
      seconds,
      rounds,
      turnMs: quick ? 75 : 375,
      folder: folder.path,
      progress: (text) => progress.show(`[${i + 1}/${chosen.length}] ${text}`),
      async shared<T>(make: (bench: Bench) => Promise<Shared<T>>) {
        const shared = made.get(make) ?? (await make(bench));
        made.set(make, shared);
        // Made by this very function.
        return shared.value as T;
      },
    };
    const found = await benchmark.run(bench);
    rows.push(...found);
    progress.clear();
    for (const row of found) process.stdout.write(`${format(row)}\n`);
  }
  for (const shared of made.values()) await shared.close();
  if (json !== undefined) writeFileSync(json, toJson(rows));
  const missed = rows.filter((row) => !holds(row));
  process.stdout.write(`\n${missed.length === 0 ? "All bounds hold." : `${missed.length} bounds are missed.`}\n`);
  return missed;
}
