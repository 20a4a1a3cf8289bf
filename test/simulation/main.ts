import { parseArgs } from "node:util";
import { isHoldfastError } from "holdfast";
import { createBrokerTarget, createOutboxTarget, simulate, type SimulationReport } from "holdfast/simulation";
import { shopWorld, smallShop } from "../../examples/shop/simulation.ts";
import { randomWorld } from "./random-app.ts";

const usage = `npm run sim -- [--seeds 1000] [--from 1] [--app shop|random] [--target store|broker|outbox] [--twice] [--replay "SEED ..."]

  --seeds N     worlds to run (default 1,000)
  --from N      seed of the first one (default 1)
  --app NAME    shop (default), or random: an app whose shape depends on the seed
  --target NAME store (default): messages wait beside the journal; broker: a broker holds them, and the store tells
                what was stored; or outbox: the store tells nobody
  --twice       runs each world twice and compares
  --replay TEXT the one world that a failure has named
`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    app: { type: "string", default: "shop" },
    target: { type: "string", default: "store" },
    twice: { type: "boolean", default: false },
    replay: { type: "string" },
    // For whoever reads the figures: a number each.
    plain: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const seeds = Number(values.seeds);
const from = Number(values.from);
const isKnown = ["shop", "random"].includes(values.app) && ["store", "broker", "outbox"].includes(values.target);
if (values.help || !(seeds > 0) || !Number.isSafeInteger(from) || !isKnown) {
  process.stderr.write(usage);
  process.exit(values.help ? 0 : 2);
}

const began = performance.now();
let done = 0;
let shownAt = 0;
const totals = { requests: 0, entries: 0, handled: 0 };
const faults: Record<string, number> = {};
const answers: Record<string, number> = {};

async function onWorld(): Promise<void> {
  done++;
  const now = performance.now();
  if (now - shownAt > 1_000) {
    shownAt = now;
    const speed = done / ((now - began) / 1_000);
    process.stderr.write(
      `${process.stderr.isTTY ? "\r" : ""}${done} of ${seeds} seeds, ${speed.toFixed(1)} seeds/s${process.stderr.isTTY ? "" : "\n"}`,
    );
  }
  // Signals get their turn.
  await new Promise((resolve) => setImmediate(resolve));
}

function add(report: SimulationReport): void {
  totals.requests += report.requests;
  totals.entries += report.entries;
  totals.handled += report.handled;
  for (const [kind, count] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + count;
  for (const [code, count] of Object.entries(report.answers)) answers[code] = (answers[code] ?? 0) + count;
}

try {
  const { twice, replay } = values;
  const targets = { broker: { target: createBrokerTarget }, outbox: { target: createOutboxTarget } };
  const target = targets[values.target as keyof typeof targets] ?? {};
  const common = { twice, onWorld, ...target, ...(replay !== undefined && { replay }) };
  if (values.app === "shop") add(await simulate(smallShop, { ...shopWorld, ...common, seeds, from }));
  else {
    const first = replay === undefined ? from : Number.parseInt(replay, 10);
    for (let seed = first; seed < first + (replay === undefined ? seeds : 1); seed++) {
      const { app, options } = randomWorld(seed);
      add(await simulate(app, { ...options, ...common, seeds: 1, from: seed }));
    }
  }
} catch (error) {
  if (!isHoldfastError(error, "simulation-failed")) throw error;
  process.stderr.write(`\n${error.message}\n`);
  const { seed, replay: text } = (error.details ?? {}) as { readonly seed?: number; readonly replay?: string };
  if (seed !== undefined)
    process.stderr.write(
      `\nnpm run sim -- --app ${values.app} --target ${values.target} --replay ${JSON.stringify(text)}\n`,
    );
  process.exit(1);
}
const seconds = (performance.now() - began) / 1_000;
const kinds = Object.entries(faults).map(([kind, count]) => `${kind} ${count}`);
const told = Object.entries(answers).map(([code, count]) => `${code} ${count}`);
const rows = [
  ["seeds", values.plain ? done : `${done} from ${from} of the ${values.app} app`],
  ...(values.plain ? [] : [["target", values.target]]),
  ["seeds per second", (done / seconds).toFixed(1)],
  ["requests", totals.requests],
  ["stored commands", totals.entries],
  ["runs of handlers", totals.handled],
  ["faults", values.plain ? Object.values(faults).reduce((sum, count) => sum + count, 0) : kinds.join(", ")],
  ...(values.plain ? [] : [["answers", told.join(", ")]]),
  ["violations", 0],
];
const lines = rows.map(([name, value]) => `${String(name).padEnd(18)}${value}`);
process.stdout.write(`${process.stderr.isTTY ? "\n" : ""}${lines.join("\n")}\n`);
