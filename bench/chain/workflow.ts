import * as z from "zod";
import { workflow } from "./world.ts";

/** A purchase in five steps; what was done is taken back where a later one fails. */
export const purchase = workflow("purchase", {
  input: z.object({ item: z.string(), amount: z.number() }),
  run: async (_input, ctx) => {
    const act = (deed: string, back?: string) =>
      ctx.run(deed, ({ services, key }) => services.act(deed, key, ctx.id), {
        ...(back !== undefined && { undo: ({ services, key }) => services.act(back, key, ctx.id) }),
      });

    const reservation = await act("reserve", "release");
    const receipt = await act("charge", "refund");
    const parcel = await act("pack", "unpack");
    const tracking = await act("ship");
    const invoice = await act("invoice");
    return { reservation, receipt, parcel, tracking, invoice };
  },
});
