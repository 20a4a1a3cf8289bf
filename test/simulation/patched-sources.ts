import { registerHooks } from "node:module";
import type { Patch } from "./mutants.ts";

/**
 * From now on this process loads `src/` with these changes: import what is to be broken behind it, not statically.
 * @returns the patches whose file nobody has loaded so far
 */
export function patchSources(patches: readonly Patch[]): ReadonlySet<Patch> {
  const missing = new Set(patches);
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      for (const patch of patches) {
        if (!url.endsWith(`/src/${patch.file}`)) continue;
        const text = String(loaded.source);
        if (text.split(patch.find).length !== 2) throw new Error(`${patch.file} does not hold, once: ${patch.find}`);
        missing.delete(patch);
        loaded.source = text.replace(patch.find, () => patch.replace);
      }
      return loaded;
    },
  });
  return missing;
}
