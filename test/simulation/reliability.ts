import { execFile, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { mutants } from "./mutants.ts";
import { reliabilityPage, type Caught, type Figures, type Measured, type Simulated } from "./reliability-page.ts";

// Measures what docs/reliability.md says, and writes it.

const root = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "20000" },
    rounds: { type: "string", default: "200" },
    only: { type: "string" },
  },
});

/** Runs a script of the project to its end; its progress is shown, its last lines are `name value`. */
function measured(file: string, args: readonly string[]): Promise<ReadonlyMap<string, string>> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ["--max-semi-space-size=64", "--conditions=holdfast-source", `${root}${file}`, ...args],
      { cwd: root, stdio: ["ignore", "pipe", "inherit"] },
    );
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      process.stderr.write(chunk);
    });
    child.once("error", reject);
    child.once("exit", (code) => {
      if (code !== 0)
        return reject(new Error(`${file} ${args.join(" ")} has ended with ${code}; the page is as it was.`));
      const rows = text.split("\n").map((line) => /^([a-zA-Z ]+?)\s+(\d.*)$/.exec(line));
      resolve(new Map(rows.flatMap((row) => (row ? [[row[1] ?? "", row[2] ?? ""] as const] : []))));
    });
  });
}

/** In as many processes as there are cores, each with seeds of its own; the sums of what they say. */
async function simulated(app: string): Promise<Simulated> {
  const shares = availableParallelism();
  const each = Math.ceil(Number(values.seeds) / shares);
  const found = await Promise.all(
    Array.from({ length: shares }, (_, i) =>
      measured("test/simulation/main.ts", [
        "--app",
        app,
        "--from",
        String(1 + i * each),
        "--seeds",
        String(each),
        "--plain",
      ]),
    ),
  );
  const sum = (name: string): number => found.reduce((total, figures) => total + Number(figures.get(name)), 0);
  return {
    seeds: sum("seeds"),
    perSecond: sum("seeds per second") / shares,
    requests: sum("requests"),
    entries: sum("stored commands"),
    handled: sum("runs of handlers"),
    faults: sum("faults"),
  };
}

async function caught(): Promise<readonly Caught[]> {
  const all: Caught[] = [];
  for (const { name } of mutants) {
    const { stdout } = await run(process.execPath, [
      "--conditions=holdfast-source",
      `${root}test/simulation/mutant-child.ts`,
      name,
    ]);
    const { seed, found } = JSON.parse(stdout) as { readonly seed: number; readonly found: readonly string[] };
    process.stderr.write(`${name}: seed ${seed}, ${found.join(", ")}\n`);
    all.push({ name, seed, by: found });
  }
  return all;
}

/** When, of what and where it was measured. */
async function about(): Promise<Measured> {
  const { stdout } = await run("git", ["rev-parse", "--short", "HEAD"], { cwd: root });
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model.split(" ").slice(0, 2).join(" ") ?? "unknown"}`;
  return {
    measured: new Date().toISOString().slice(0, 10),
    commit: stdout.trim(),
    machine: `Node ${process.versions.node}, ${machine}`,
  };
}

/** What there is to measure; each can be done alone, and the others stay as they are. */
const parts = {
  shop: () => simulated("shop"),
  random: () => simulated("random"),
  mutants: caught,
  crash: async () => {
    const found = await measured("test/crash/main.ts", ["--rounds", values.rounds, "--seed", "1"]);
    return Object.fromEntries([...found].map(([name, value]) => [name, Number(value)]));
  },
};
const wanted = values.only === undefined ? Object.keys(parts) : values.only.split(",");
const before = await readFile(`${root}docs/reliability.json`, "utf8").catch(() => "{}");
let figures = JSON.parse(before) as Figures;
for (const name of wanted) {
  const measure = parts[name as keyof typeof parts];
  if (measure === undefined) throw new Error(`There is no part "${name}"; there are ${Object.keys(parts).join(", ")}.`);
  figures = { ...figures, [name]: { ...(await about()), figures: await measure() } };
  // What was measured stays, though a later part may fail.
  await writeFile(`${root}docs/reliability.json`, `${JSON.stringify(figures, undefined, 2)}\n`);
}
if (Object.keys(parts).every((name) => name in figures)) {
  await writeFile(`${root}docs/reliability.md`, reliabilityPage(figures));
  process.stderr.write("docs/reliability.md is written.\n");
}
