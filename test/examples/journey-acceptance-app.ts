import { appendFile } from "node:fs/promises";
import { accept, holdfast, HoldfastError, reject, type App } from "holdfast";
import { workflows } from "holdfast/workflows";
import * as z from "zod";

/** Outside: a file, which outlives processes. */
export interface Outside {
  /** A line: what was done, of which journey, under which key. */
  note(what: string, id: string, key: string): Promise<string>;
}

export function outsideIn(file: string): Outside {
  return {
    async note(what, id, key) {
      await appendFile(file, `${what} ${id} ${key}\n`);
      return what;
    },
  };
}

const h = holdfast<Outside>();
const workflow = workflows<Outside>();
const guest = z.object({ guest: z.string() });

const hotel = h
  .entity("hotel", {
    initial: () => ({ guests: [] as readonly string[] }),
    events: { taken: guest, freed: guest },
    evolve: {
      taken: ({ guests }, { guest }) => ({ guests: [...guests, guest] }),
      freed: ({ guests }, { guest }) => ({ guests: guests.filter((one) => one !== guest) }),
    },
    view: ({ guests }) => ({ guests }),
  })
  .command("take", {
    input: guest,
    decide: ({ guests }, input, { events }) =>
      guests.length >= 2
        ? reject("full", "The hotel is full.")
        : accept([events.taken(input)], { reply: guests.length }),
  })
  .command("free", { input: guest, decide: (_, input, { events }) => events.freed(input) });

const ticket = workflow("ticket", {
  input: z.object({ traveller: z.string() }),
  run: async ({ traveller }, ctx) => {
    await ctx.sleep(1_000);
    return ctx.run("print", ({ services, key }) => services.note("ticket", traveller, key));
  },
});

/** Books, sleeps, is approved, has a child print the ticket, and ends; or undoes what it has done. */
const journey = workflow("journey", {
  input: z.object({ hotel: z.string(), sleepMs: z.number() }),
  signals: { approved: z.object({ by: z.string() }) },
  run: async ({ hotel: to, sleepMs }, ctx) => {
    ctx.compensate("flight", ({ services, key }) => services.note("no-flight", ctx.id, key));
    const flight = await ctx.run("flight", ({ services, key }) => services.note("flight", ctx.id, key));
    const room = await ctx.call(hotel, to).take({ guest: ctx.id });
    if (!room.ok) throw new HoldfastError("no-room", room.message);
    try {
      await ctx.sleep(sleepMs);
      const answer = await ctx.until("approved", { timeoutMs: 86_400_000 });
      if (!answer.ok) throw new HoldfastError("not-approved", "Nobody has approved it.");
      const [car, printed] = await ctx.all([
        ctx.run("car", ({ services, key }) => services.note("car", ctx.id, key)),
        ctx.child(ticket, { traveller: ctx.id }),
      ]);
      return { flight, car, ticket: printed, by: answer.data.by };
    } catch (error) {
      await ctx.call(hotel, to).free({ guest: ctx.id });
      throw error;
    }
  },
});

export const journeyApp: App<unknown, Outside> = h.app({ entities: [hotel], workflows: [journey, ticket] });
