import { holdfast, HoldfastError, type Holdfast } from "holdfast";
import { workflows, type DeclareWorkflow } from "holdfast/workflows";

/** What the five steps of a purchase do outside, and what takes them back. Each once for a key. */
export interface World {
  /** Answers the deed's number. */
  act(deed: string, key: string, purchase: string): Promise<string>;
}

export const h: Holdfast<World> = holdfast<World>();
export const workflow: DeclareWorkflow<World> = workflows<World>();

/** How often a step is tried, on both sides. */
export const attemptsMax = 5;

/** A world in memory: some purchases cannot be shipped, some only after a while, some not in all the time there is. */
export function createWorld(): World & { readonly deeds: readonly string[]; readonly calls: () => number } {
  const numbers = new Map<string, string>();
  const tries = new Map<string, number>();
  const deeds: string[] = [];
  let calls = 0;
  return {
    deeds,
    calls: () => calls,
    async act(deed, key, purchase) {
      calls++;
      const tried = (tries.get(key) ?? 0) + 1;
      tries.set(key, tried);
      if (deed === "ship") {
        if (purchase.startsWith("refused"))
          throw new HoldfastError("refused", "Nobody goes there.", { retry: "never" });
        if (purchase.startsWith("down") || (purchase.startsWith("slow") && tried < 3)) throw new Error("No answer.");
      }
      const number = numbers.get(key) ?? `${deed} of ${purchase}`;
      if (!numbers.has(key)) deeds.push(number);
      numbers.set(key, number);
      return number;
    },
  };
}
