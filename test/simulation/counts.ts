import type { WorldReport } from "holdfast/simulation";

/** Counts what has happened, by where: `crash at publish`, `cut at sends`. */
export function createCounts() {
  const counts: Record<string, number> = {};
  const onWorld = ({ faults }: WorldReport): Promise<void> => {
    for (const { id, kind } of faults) {
      const name = `${kind} at ${/^(?:i\d+|broker)\.(.*)#/.exec(id)?.[1]}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return new Promise((resolve) => void setImmediate(resolve));
  };
  return { counts, onWorld };
}
