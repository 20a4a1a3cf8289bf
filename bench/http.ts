import { compare, median, perSecond, type Benchmark, type Side } from "./harness.ts";
import type { LoadAnswer, LoadQuestion } from "./children/http-client.ts";
import { startChild } from "./children/process.ts";
import { cartsCount } from "./workload.ts";

const connections = 16;

/** Three processes: the client, and one server at a time at work. */
export const http: Benchmark = {
  name: "http",
  async run(bench) {
    const what = `over HTTP, ${connections} connections`;
    bench.progress(`${what}: two servers with ${cartsCount} carts each`);
    const client = startChild<LoadQuestion, LoadAnswer>("http-client", bench.folder);
    const raw = startChild<object, { port: number }>("http-raw", bench.folder);
    const holdfast = startChild<object, { port: number }>("http-holdfast", bench.folder);
    try {
      const [{ port: rawPort }, { port }] = await Promise.all([raw.ask({}), holdfast.ask({})]);
      const loads: number[] = [];
      const sideOf = (port: number, loads: number[] = []): Side => {
        let from = 0;
        return async () => {
          const done = await client.ask({ port, connections, from, ms: bench.turnMs });
          from += done.count;
          loads.push(done.load);
          return perSecond(done);
        };
      };
      bench.progress(`${what}: both are warming up`);
      const [a, b] = [sideOf(rawPort, loads), sideOf(port)];
      for (let i = 0; i < 20; i++) await (i % 2 === 0 ? a() : b());
      loads.length = 0;
      const { value, ratio } = await compare(bench, what, a, b);
      const row = { ratio: null, against: null, bound: null };
      return [
        { name: what, value, unit: "commands/s", ratio, against: "raw (b,16) behind node:http", bound: { floor: 0.4 } },
        // The client must not be what is measured: it has a core of its own, and is not to fill it.
        { ...row, name: "its client, against the raw server", value: 100 * median(loads), unit: "% of a core" },
      ];
    } finally {
      await Promise.all([client.close(), raw.close(), holdfast.close()]);
    }
  },
};
