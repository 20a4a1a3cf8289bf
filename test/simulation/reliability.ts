import { execFile, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism, cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { brokerMutants } from "./broker-mutants.ts";
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
async function simulated(seeds: number, ...options: readonly string[]): Promise<Simulated> {
  const shares = availableParallelism();
  const each = Math.ceil(seeds / shares);
  const found = await Promise.all(
    Array.from({ length: shares }, (_, i) =>
      measured("test/simulation/main.ts", [
        ...options,
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
    requests: sum("requests"),
    entries: sum("stored commands"),
    handled: sum("runs of handlers"),
    faults: sum("faults"),
  };
}

/** One process with nothing beside it; the first worlds, in which code is still being compiled, count too. */
async function speedOf(...options: readonly string[]): Promise<number> {
  const found = await measured("test/simulation/main.ts", [...options, "--seeds", "400", "--plain"]);
  return Number(found.get("seeds per second"));
}

async function caught(): Promise<readonly Caught[]> {
  const all: Caught[] = [];
  for (const { name } of [...mutants, ...brokerMutants]) {
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

async function crashed(rounds: number, ...options: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const found = await measured("test/crash/main.ts", ["--rounds", String(rounds), "--seed", "1", ...options]);
  return Object.fromEntries([...found].map(([name, value]) => [name, Number(value)]));
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

const seeds = Number(values.seeds);
const worlds = {
  shop: ["--app", "shop"],
  random: ["--app", "random"],
  shopOverBroker: ["--app", "shop", "--target", "broker"],
  randomOverBroker: ["--app", "random", "--target", "broker"],
} as const;

/** What there is to measure; each can be done alone, and the others stay as they are. */
const parts = {
  shop: () => simulated(seeds, ...worlds.shop),
  random: () => simulated(seeds, ...worlds.random),
  shopOverBroker: () => simulated(seeds / 10, ...worlds.shopOverBroker),
  randomOverBroker: () => simulated(seeds / 10, ...worlds.randomOverBroker),
  speed: async () => {
    const speeds: number[] = [];
    for (const options of Object.values(worlds)) speeds.push(await speedOf(...options));
    return speeds;
  },
  mutants: caught,
  crash: () => crashed(Number(values.rounds)),
  crashOnAws: () => crashed(Number(values.rounds) / 10, "--target", "aws"),
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
