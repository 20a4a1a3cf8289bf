import { mutants, type Mutant } from "./tours-mutants.ts";
import { patchSources } from "../simulation/patched-sources.ts";

// A process of its own: the broken code must not be anybody else's.
const sound: Mutant = { name: "none", seeds: 1, says: /./, patches: [] };
const mutant = [sound, ...mutants].find(({ name }) => name === process.argv[2]);
if (!mutant) throw new Error(`There is no mutant ${JSON.stringify(process.argv[2])}.`);
const missing = patchSources(mutant.patches);

const { isHoldfastError } = await import("holdfast");
const { simulate } = await import("holdfast/simulation");
const { toursApp, toursWorld } = await import("./tours.ts");

async function run(seed: number): Promise<string> {
  try {
    await simulate(toursApp, { ...toursWorld(), clients: 15, steps: 2, seeds: 1, from: seed, shrinkMax: 0 });
    return "";
  } catch (error) {
    if (!isHoldfastError(error, "simulation-failed")) throw error;
    const { violations = [] } = (error.details ?? {}) as {
      readonly violations?: readonly { readonly message: string }[];
    };
    return violations.map(({ message }) => message).join("\n");
  }
}

let found = "";
let seed = 0;
while (!mutant.says.test(found) && seed < mutant.seeds) found = await run(++seed);
if (missing.size > 0) throw new Error(`Nobody has loaded ${[...missing].map(({ file }) => file).join(", ")}.`);
process.stdout.write(`${JSON.stringify({ seed, found })}\n`);
