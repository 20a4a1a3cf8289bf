import { startChild } from "./children/process.ts";
import type { TouchAnswer, TouchQuestion } from "./children/touch-entities.ts";
import type { Benchmark } from "./harness.ts";

const cacheEntitiesMax = 10_000;

/** Once, not in rounds: it takes its time, and memory is not as noisy as time is. */
export const memory: Benchmark = {
  name: "memory",
  async run(bench) {
    const entities = bench.quick ? 100_000 : 1_000_000;
    const what = `${entities.toLocaleString("en")} entities touched once`;
    bench.progress(`${what}, with a cache of ${cacheEntitiesMax.toLocaleString("en")} (one round)`);
    const child = startChild<TouchQuestion, TouchAnswer>("touch-entities", bench.folder, { bundled: true });
    try {
      const { peakMb, secondMb, lastMb, ms } = await child.ask({ entities, cacheEntitiesMax });
      const speed = (entities / ms) * 1_000;
      const row = { ratio: null, against: null };
      return [
        { ...row, name: `${what}: peak RSS`, value: peakMb, unit: "MB", bound: { ceiling: 300 } },
        {
          name: "its RSS in the last quarter",
          value: lastMb,
          unit: "MB",
          ratio: lastMb / secondMb,
          against: "its second quarter",
          // A quick run ends while the database's own cache is still filling.
          bound: bench.quick ? null : { ceiling: 1.15 },
        },
        { ...row, name: "its speed, 64 at once, all cold", value: speed, unit: "commands/s", bound: null },
      ];
    } finally {
      await child.close();
    }
  },
};
