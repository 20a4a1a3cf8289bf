import { HoldfastError } from "../core/errors.ts";
import type { Needed } from "./shrink.ts";
import type { Kept } from "./world.ts";

/** Names that a replay is made of; a world that needs more is shown whole. */
const namesMax = 60;
/** Stands for no names at all. */
const none = "-";

const stepName = /^c\d+\.[1-9]\d*$/;
const faultName = /^(i\d+\.\S+|c\d+\.\d+|world|deploy|outage|operator|broker\.\S+|poison\/\S+)#[1-9]\d*$/;

/** `4711 i2.append#4 c1.7`: the seed, and all faults and steps that happen; `4711 -`: none. */
export function formatReplay(seed: number, { faults, steps }: Needed): string {
  const names = [...faults, ...steps];
  if (names.length > namesMax) return String(seed);
  return [seed, ...(names.length > 0 ? names : [none])].join(" ");
}

/** @throws HoldfastError `invalid-options` if it is not what a failure has named */
export function parseReplay(replay: string): { readonly seed: number; readonly keep: Kept | undefined } {
  const [seed = "", ...names] = replay.trim().split(/\s+/);
  if (!/^\d{1,10}$/.test(seed)) throw refused(replay, "does not begin with a seed");
  if (names.length === 0) return { seed: Number(seed), keep: undefined };
  const faults = new Set<string>();
  const steps = new Set<string>();
  for (const name of names.length === 1 && names[0] === none ? [] : names) {
    if (stepName.test(name)) steps.add(name);
    else if (faultName.test(name)) faults.add(name);
    else
      throw refused(replay, `names ${JSON.stringify(name)}, which is neither a step (c3.7) nor a fault (i2.append#4)`);
  }
  return { seed: Number(seed), keep: { faults, steps } };
}

function refused(replay: string, why: string): HoldfastError {
  return new HoldfastError(
    "invalid-options",
    `The replay ${JSON.stringify(replay)} ${why}. Give it as the failure has told it.`,
  );
}
