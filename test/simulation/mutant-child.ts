import { brokerMutants } from "./broker-mutants.ts";
import { mutants } from "./mutants.ts";
import { outboxMutants } from "./outbox-mutants.ts";
import { patchSources } from "./patched-sources.ts";

// A process of its own: the broken code must not be anybody else's.
const mutant = [...mutants, ...brokerMutants, ...outboxMutants].find(({ name }) => name === process.argv[2]);
if (!mutant) throw new Error(`There is no mutant ${JSON.stringify(process.argv[2])}.`);
const missing = patchSources(mutant.patches);

const { isHoldfastError } = await import("holdfast");
const { createBrokerTarget, createOutboxTarget, simulate } = await import("holdfast/simulation");
const { randomWorld } = await import("./random-app.ts");
const { shopWorld, smallShop } = await import("../../examples/shop/simulation.ts");

async function run(seed: number): Promise<readonly string[]> {
  try {
    const options = {
      seeds: 1,
      from: seed,
      shrinkMax: 0,
      ...(mutant?.faults && { faults: mutant.faults }),
      ...(mutant && brokerMutants.includes(mutant) && { target: createBrokerTarget }),
      ...(mutant && outboxMutants.includes(mutant) && { target: createOutboxTarget }),
    };
    if (mutant?.app === "shop") await simulate(smallShop, { ...shopWorld, ...options });
    else {
      const { app, options: world } = randomWorld(seed);
      await simulate(app, { ...world, ...options });
    }
    return [];
  } catch (error) {
    if (!isHoldfastError(error, "simulation-failed")) throw error;
    const { violations = [] } = (error.details ?? {}) as {
      readonly violations?: readonly { readonly checker: string }[];
    };
    return violations.map(({ checker }) => checker);
  }
}

let found: readonly string[] = [];
let seed = 0;
while (!found.some((name) => mutant.caughtBy.includes(name)) && seed < mutant.seeds) found = await run(++seed);
if (missing.size > 0) throw new Error(`Nobody has loaded ${[...missing].map(({ file }) => file).join(", ")}.`);
process.stdout.write(`${JSON.stringify({ seed, found: [...new Set(found)] })}\n`);
