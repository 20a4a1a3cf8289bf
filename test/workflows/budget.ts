import { workflow, type Workflow } from "holdfast/workflows";
import * as z from "zod";

const input = z.object({});

export const name = "errand";

/** Three steps, and a sleep of a minute before the last one: what its operations are counted of on each target. */
export function errandOf(): Workflow<typeof name, typeof input, number, {}, unknown> {
  return workflow(name, {
    input,
    run: async (_, ctx) => {
      const one = await ctx.run("one", () => 1);
      const two = await ctx.run("two", () => 1);
      await ctx.sleep(60_000);
      return one + two + (await ctx.run("three", () => 1));
    },
  });
}
