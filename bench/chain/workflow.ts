import * as z from "zod";
import { workflow } from "./world.ts";

/** A purchase in five steps; what was done is taken back where a later one fails. */
export const purchase = workflow("purchase", {
  input: z.object({ item: z.string(), amount: z.number() }),
  run: async (_input, ctx) => {
    const act = (deed: string) => ctx.run(deed, ({ services, key }) => services.act(deed, key, ctx.id));
    const undo = (deed: string) => ctx.compensate(deed, ({ services, key }) => services.act(deed, key, ctx.id));

    const reservation = await act("reserve");
    undo("release");
    const receipt = await act("charge");
    undo("refund");
    const parcel = await act("pack");
    undo("unpack");
    const tracking = await act("ship");
    const invoice = await act("invoice");
    return { reservation, receipt, parcel, tracking, invoice };
  },
});
