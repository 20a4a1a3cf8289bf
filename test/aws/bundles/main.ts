import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bounds } from "./bounds.ts";
import { buildAll, entryOf, kinds, names, type Name } from "./build.ts";
import { coldImports } from "./cold-import.ts";
import { loadedBy, ownersOf } from "./loaded.ts";

const usage = `npm run measure:functions -- [--times N]

What the bundles of functions/aws load when a container starts, and how long that takes, beside bare handlers that have the
same SDK clients and the same schemas ("same": built by the same script; "usual": as esbuild does it unless told more).

  --times N  cold imports of each bundle, in turn; default 40. Nothing else should run.

Ends with 1 if a start loads more than ${bounds.kb} KB (deflated) or takes more than ${bounds.importMs} ms longer than that of "same".
`;

const kb = (bytes: number): string => (bytes / 1_000).toFixed(1).padStart(7);
const ms = (value: number): string => value.toFixed(1).padStart(7);
const folder = mkdtempSync(join(tmpdir(), "holdfast-bundles-"));

/** Prints what a function loads; answers what it loads more than `same`, KB deflated. */
function printSizes(name: Name): number {
  const [holdfast, same, usual] = kinds.map((kind) => loadedBy(entryOf(folder, kind, name)));
  if (!holdfast || !same || !usual) throw new Error(`The bundles of ${name} were not built.`);
  const more = (holdfast.deflated - same.deflated) / 1_000;
  console.log(`\n${name}: KB loaded   minified  deflated`);
  for (const [what, { bytes, deflated }] of Object.entries({ holdfast, same, usual })) {
    console.log(`  ${what.padEnd(16)} ${kb(bytes)}   ${kb(deflated)}`);
  }
  console.log(
    `  more than same   ${kb(holdfast.bytes - same.bytes)}   ${kb(more * 1_000)}   ${verdict(more <= bounds.kb)} ${bounds.kb} KB`,
  );
  const owners = ownersOf(entryOf(folder, "same", name), same);
  console.log("  minified, by where it comes from, less what same has of it:");
  for (const [owner, bytes] of ownersOf(entryOf(folder, "holdfast", name), holdfast)) {
    const rest = bytes - (owners.get(owner) ?? 0);
    if (rest >= 100) console.log(`    ${kb(rest)} ${owner}`);
  }
  return more;
}

/** Prints how long the starts take; answers what each takes longer than `same`, milliseconds. */
function printImports(times: number): readonly number[] {
  const wanted = names.flatMap((name) => kinds.map((kind) => ({ name, kind })));
  const taken = coldImports(
    wanted.map(({ name, kind }) => entryOf(folder, kind, name)),
    times,
  );
  console.log(`\nCold import, medians of ${times}, ms   import()  of it CPU  whole process`);
  for (const [i, { name, kind }] of wanted.entries()) {
    const { importMs = Number.NaN, cpuMs = Number.NaN, sinceStartMs = Number.NaN } = taken[i] ?? {};
    console.log(`  ${`${name} ${kind}`.padEnd(30)} ${ms(importMs)}    ${ms(cpuMs)}        ${ms(sinceStartMs)}`);
  }
  return names.map((name, i) => {
    const [holdfast, same] = taken.slice(i * kinds.length);
    const more = (holdfast?.importMs ?? Number.NaN) - (same?.importMs ?? Number.NaN);
    console.log(
      `  ${name}: ${more.toFixed(1)} ms more than same   ${verdict(more <= bounds.importMs)} ${bounds.importMs} ms`,
    );
    return more;
  });
}

function verdict(holds: boolean): string {
  return holds ? "within" : "PAST";
}

const { values } = parseArgs({ options: { times: { type: "string", default: "40" }, help: { type: "boolean" } } });
const times = Number(values.times);
if (values.help || !Number.isSafeInteger(times) || times < 1) {
  console.log(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  try {
    await buildAll(folder);
    const sizes = names.map(printSizes);
    const longer = printImports(times);
    const holds = sizes.every((size) => size <= bounds.kb) && longer.every((by) => by <= bounds.importMs);
    process.exitCode = holds ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
