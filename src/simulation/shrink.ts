import type { Violation } from "./options.ts";
import type { WorldReport } from "./world.ts";

/** What of a world is needed for it to fail: names of faults and of clients' steps. */
export interface Needed {
  readonly faults: readonly string[];
  readonly steps: readonly string[];
}

/**
 * What tells one broken promise from another: of Holdfast's own its name, of the app's what is said of it, too, without
 * numbers and ids.
 */
function signature({ checker, message }: Violation): string {
  if (!isOfApp(checker)) return checker;
  const [line = ""] = message.split("\n");
  return `${checker} ${line.replaceAll(/\b[0-9a-v]{20}\b|\d+/g, "#")}`;
}

function isOfApp(checker: string): boolean {
  return checker === "step" || checker.startsWith("invariant ");
}

/**
 * The shortest world that was found that still breaks one of the same promises: leaves out steps and faults, at first many
 * at once, then one by one, until none can be left out or `runsMax` worlds were tried. What an invariant says of a world
 * in which nothing was done at all is mostly something else: such a world is not taken for shorter.
 *
 * Source: A. Zeller and R. Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002 (ddmin, without its tests of
 * the parts alone: a fault alone rarely breaks anything).
 */
export async function shrink(
  failed: WorldReport,
  run: (needed: Needed) => Promise<WorldReport>,
  runsMax: number,
): Promise<{ readonly needed: Needed; readonly report: WorldReport }> {
  const broken = new Set(failed.violations.map(signature));
  let needed: Needed = { faults: failed.faults.map(({ id }) => id), steps: failed.steps };
  let report = failed;
  let runs = 0;

  async function without(kind: keyof Needed): Promise<void> {
    for (let size = Math.ceil(needed[kind].length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < needed[kind].length; ) {
        if (runs >= runsMax) return;
        runs++;
        const rest = needed[kind].toSpliced(from, size);
        const tried = await run({ ...needed, [kind]: rest });
        const isEmpty = kind === "steps" && rest.length === 0;
        const breaks = (violation: Violation): boolean =>
          broken.has(signature(violation)) && !(isEmpty && isOfApp(violation.checker));
        if (tried.violations.some(breaks)) {
          needed = { ...needed, [kind]: rest };
          report = tried;
        } else from += size;
      }
    }
  }

  for (let before = Infinity; before > needed.steps.length + needed.faults.length && runs < runsMax; ) {
    before = needed.steps.length + needed.faults.length;
    await without("steps");
    await without("faults");
  }
  return { needed, report };
}
