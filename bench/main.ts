import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArguments, usage, UsageError, type Arguments } from "./arguments.ts";
import { coldEntity, keyWindow } from "./cold-entity.ts";
import { events, subscriptions, timers } from "./delivery.ts";
import { createFolder } from "./folder.ts";
import { holds, type Bench, type Benchmark, type Row, type Shared } from "./harness.ts";
import { http } from "./http.ts";
import { inProcess } from "./in-process.ts";
import { memory } from "./memory.ts";
import { overload } from "./overload.ts";
import { createProgress } from "./progress.ts";
import { format, header, toJson } from "./report.ts";
import { importRoot, start } from "./start.ts";
import { storedRecords } from "./stored-records.ts";

/** In the order in which they run. */
const benchmarks: readonly Benchmark[] = [
  ...inProcess,
  http,
  coldEntity,
  keyWindow,
  storedRecords,
  events,
  subscriptions,
  timers,
  memory,
  overload,
  start,
  importRoot,
];

const names = benchmarks.map(({ name }) => name);

async function run({ names: wanted, quick, seconds, json }: Arguments): Promise<readonly Row[]> {
  const chosen = benchmarks.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const folder = createFolder();
  const progress = createProgress(process.stderr);
  const made = new Map<unknown, Shared<unknown>>();
  const rounds = quick ? 3 : 5;
  const rows: Row[] = [];
  process.stdout.write(
    `node ${process.versions.node} · ${cpus().length} × ${cpus()[0]?.model.trim() ?? "?"} · median of ${rounds} · ${folder.remark}\n\n`,
  );
  process.stdout.write(`${header()}\n`);
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
  return rows;
}

try {
  const given = parseArguments(process.argv.slice(2), names);
  if (given.help) {
    process.stdout.write(usage(names));
  } else {
    const rows = await run(given);
    const missed = rows.filter((row) => !holds(row));
    process.stdout.write(`\n${missed.length === 0 ? "All bounds hold." : `${missed.length} bounds are missed.`}\n`);
    if (given.check && missed.length > 0) process.exitCode = 1;
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n\n${usage(names)}`);
  process.exitCode = 2;
}
