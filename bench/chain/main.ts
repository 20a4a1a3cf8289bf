import type { Benchmark, Row } from "../harness.ts";
import { linesOf, runOne } from "./run.ts";

/** One figure of the workflow beside that of the chain. */
function beside(name: string, unit: string, workflow: number, chain: number): Row {
  const against = `by hand, a chain: ${chain}`;
  return { name, value: workflow, unit, ratio: workflow / chain, against, bound: null };
}

/** The same five steps as a workflow, and as eight subscriptions with a state kept by hand: counted, not timed. */
export const chain: Benchmark = {
  name: "chain",
  async run(bench) {
    bench.progress("five steps as a workflow and as a chain");
    const rows = [beside("five steps, a workflow: lines of code", "lines", linesOf("workflow"), linesOf("chain"))];
    for (const [id, what] of [
      ["fine-1", "all is well"],
      ["refused-1", "the 4th step fails"],
      ["slow-1", "the 4th step fails twice"],
    ] as const) {
      const [workflow, chained] = [await runOne("workflow", id), await runOne("chain", id)];
      rows.push(beside(`${what}: appends`, "appends", workflow.appends, chained.appends));
      rows.push(beside(`${what}: messages`, "messages", workflow.messages, chained.messages));
    }
    return rows;
  },
};
