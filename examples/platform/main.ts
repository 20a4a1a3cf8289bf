import { machineDiagram, type Principal } from "holdfast";
import { createTestApp } from "holdfast/testing";
import app from "./app.ts";
import { createCloud } from "./cloud.ts";
import { cluster } from "./cluster.ts";
import { node } from "./node.ts";

// Accounts, one of them of a kind that cannot be had; clusters, one of them with a node that fails for good; and the bill:
// npm run example:platform

const cloud = createCloud();
// In memory, with a clock that is moved: hours pass at once.
const run = createTestApp(app, { services: { cloud } });
const customer: Principal = { kind: "user", id: "ada", tenant: "default", claims: {} };

async function ask(entity: string, id: string, command: string, input: object = {}): Promise<void> {
  const outcome = await run.execute({ entity, id, command, input, principal: customer });
  console.log(`${command} ${id}${outcome.ok ? "" : `: ${outcome.message}`}`);
  await run.delivered();
}

async function show(entity: string, id: string): Promise<void> {
  const { events } = await run.history({ entity, id, principal: customer, after: 0, limit: 100 });
  console.log(`\n${id}`);
  for (const { type, data } of events) {
    // Every event of a machine says so.
    const { toState, node: who = "" } = data as { readonly toState: string; readonly node?: string };
    console.log(`  ${`${type.slice(entity.length + 1)} ${who}`.padEnd(20)} -> ${toState}`);
  }
}

for (const { definition } of [cluster, node]) {
  if (definition.machine) console.log(`${definition.name}\n${machineDiagram(definition.machine)}\n`);
}
await ask("account", "well-1", "opened", { plan: "small" });
await ask("account", "no-container-1", "opened", { plan: "large" });
await ask("account", "no-container-1", "clusterRequested", { name: "blue" });
for (const name of ["blue", "flaky", "broken"]) await ask("account", "well-1", "clusterRequested", { name });
await run.clock.advance(2.5 * 3_600_000);
await ask("cluster", "well-1.blue", "stopRequested");

for (const id of ["well-1", "no-container-1"]) await show("account", id);
for (const name of ["blue", "flaky", "broken"]) await show("cluster", `well-1.${name}`);
await show("node", "well-1.broken.b");

console.log("\nThe cloud has");
for (const name of [...cloud.has].toSorted()) console.log(`  ${name}`);
const { view: bill } = await run.view({ entity: "bill", id: "well-1", principal: customer });
console.log("\nwell-1 owes", bill);
await run.close();
