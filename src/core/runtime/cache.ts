import { jsonBytes } from "../json.ts";
import type { Limits } from "./limits.ts";
import type { Live } from "./live.ts";
import { createLru } from "./lru.ts";
import type { CommitPorts } from "./ports.ts";
import type { System } from "./system.ts";

/** The entities that this instance remembers, bounded by number, by weight and by age. */
export function createCache(system: System, limits: Limits): Pick<CommitPorts, "cached" | "keep" | "drop"> {
  const entities = createLru<Live>(limits.cacheEntitiesMax, limits.cacheBytesMax);
  return {
    cached(key) {
      const live = entities.get(key);
      if (live === undefined || system.now() - live.loadedAt < limits.cacheMs) return live;
      entities.delete(key);
      return undefined;
    },
    keep: (live) => entities.set(live.key, live, weightOf(live)),
    drop: (live) => entities.delete(live.key),
  };
}

/** Estimated bytes of a cached entity: its state, its keys, and what every one costs. */
function weightOf(live: Live): number {
  return (
    jsonBytes(live.state) * 2 +
    live.timerBytes +
    live.keys.recent.size * 150 +
    (live.keys.older?.size ?? 0) * 100 +
    1_000
  );
}
