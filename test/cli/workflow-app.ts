import { holdfast, on } from "holdfast";
import { workflow } from "holdfast/workflows";
import * as z from "zod";

const h = holdfast();

/** Waits until it is approved; whose input says so waits for nothing that anybody knows of, and is stopped. */
export const approval = workflow("approval", {
  input: z.object({ what: z.string(), how: z.enum(["wait", "fail", "nothing"]).default("wait") }),
  signals: { approved: z.object({ by: z.string() }), refused: z.object({}) },
  run: async ({ what, how }, ctx) => {
    const ticket = await ctx.run("open ticket", () => `ticket of ${what}`);
    if (how === "fail") throw new Error(`There is no ${what}.`);
    if (how === "nothing") await new Promise(() => {});
    ctx.compensate("close ticket", () => null);
    const heard = await ctx.until("approved", { timeoutMs: 86_400_000 });
    return heard.ok ? { ticket, by: heard.data.by } : null;
  },
});

export const nap = workflow("nap", { input: z.object({}), run: async (_input, ctx) => ctx.sleep({ days: 1 }) });

const note = h
  .entity("note", {
    initial: () => 0,
    events: { written: z.object({}) },
    evolve: { written: (count) => count + 1 },
  })
  .command("write", { decide: (_state, _input, { events }) => events.written({}) });

const bells = h.subscription("bells", { to: [on(approval.events.ended)], handle: async () => {} });

// oxlint-disable-next-line import/no-default-export -- what --app names exports its app so
export default h.app({ entities: [note], workflows: [approval, nap], subscriptions: [bells] });
