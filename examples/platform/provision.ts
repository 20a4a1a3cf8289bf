import * as z from "zod";
import { workflow, type Kind } from "./holdfast.ts";

/**
 * What every account has: a database and a queue, then a web app and a container that know them. All four, or none: a deed
 * whose outcome nobody knows is undone, too.
 */
export const provision = workflow("provision", {
  input: z.object({ plan: z.string() }),
  run: async (_input, ctx) => {
    const make = async (kind: Kind): Promise<string> => {
      const thing = { kind, owner: ctx.id };
      const made = await ctx.run(`create ${kind}`, ({ services, key }) => services.cloud.create(thing, key), {
        undo: ({ services }) => services.cloud.remove(thing),
      });
      if (!made.ok) throw new Error(made.reason);
      return made.address;
    };
    const stores = await ctx.all([make("database"), make("queue")]);
    const apps = await ctx.all([make("web-app"), make("container")]);
    return [...stores, ...apps];
  },
});
