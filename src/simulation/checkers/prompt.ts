import { leaseMs } from "../../core/delivery/progress.ts";
import type { Checker } from "./checker.ts";
import { isDemanded, isDemanding } from "./delivered.ts";
import { runsOf } from "./runs.ts";
import { partsOf } from "./wanted.ts";

/** How long the first event of an entity waits at most when nothing fails any more, besides a dead owner's lease. */
const promptMs = 10_000;

/** An entity does not wait for others: where nothing fails any more, what is new is handled, whatever is parked elsewhere. */
export const prompt: Checker = {
  name: "prompt",
  check(evidence) {
    const { app, streams, healedAt = Infinity, skewMs } = evidence;
    const runs = runsOf(evidence);
    // Clocks of those who write, of those who hold a lease, and of those who read.
    const boundMs = promptMs + leaseMs + 4 * skewMs;
    const wrong: string[] = [];
    for (const stream of streams.values()) {
      const [oldest] = stream.records;
      if (stream.erased || !oldest || oldest.time < healedAt + skewMs) continue;
      const { entity } = stream.stream;
      for (const name of app.subscriptions.keys()) {
        if (!isDemanding(evidence, name)) continue;
        const first = partsOf(stream).find(({ event }) => isDemanded(evidence, name, entity, event));
        const run = first && runs.get(`subscription:${name} ${first.id}`)?.[0];
        const waitedMs = first && run ? run.time - first.stored.record.time : 0;
        if (waitedMs > boundMs) {
          wrong.push(`subscription:${name}: event ${first?.version} of ${stream.key} has waited for ${waitedMs} ms`);
        }
      }
    }
    return wrong;
  },
};
