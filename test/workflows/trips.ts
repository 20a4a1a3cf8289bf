import { accept, holdfast, HoldfastError, reject, type App } from "holdfast";
import type { WorldOptions } from "holdfast/simulation";
import { workflows } from "holdfast/workflows";
import * as z from "zod";

/** Outside, which honours keys: what was done, and what was undone, each once for a key. */
export interface Agency {
  book(key: string, what: string): Promise<string>;
  cancel(key: string, what: string): Promise<void>;
}

export interface Services {
  readonly agency: Agency;
}

const h = holdfast<Services>();
const workflow = workflows<Services>();

/** Rooms of a hotel: few. */
export const hotel = h
  .entity("hotel", {
    initial: () => ({ guests: [] as readonly string[] }),
    events: { taken: z.object({ guest: z.string() }), freed: z.object({ guest: z.string() }) },
    evolve: {
      taken: ({ guests }, { guest }) => ({ guests: [...guests, guest] }),
      freed: ({ guests }, { guest }) => ({ guests: guests.filter((one) => one !== guest) }),
    },
    snapshotEvery: 5,
  })
  .command("take", {
    input: z.object({ guest: z.string() }),
    decide: ({ guests }, input, { events }) =>
      guests.length >= 3
        ? reject("full", "The hotel is full.")
        : accept([events.taken(input)], { reply: guests.length }),
  })
  .command("free", {
    input: z.object({ guest: z.string() }),
    decide: (_state, input, { events }) => events.freed(input),
  });

/** A flight, a room and a car, or nothing of it. */
export const trip = workflow("trip", {
  input: z.object({ hotel: z.string() }),
  signals: { hurry: z.object({}) },
  run: async (input, ctx) => {
    const retry = { attempts: 20, firstMs: 200, maxMs: 5_000, never: ["sold-out"] };
    const book = (what: string) =>
      ctx.run(
        what,
        ({ services, key }) => {
          if (what === "car" && ctx.id.startsWith("carless"))
            throw new HoldfastError("sold-out", "There is no car.", { retry: "never" });
          return services.agency.book(key, `${what} ${ctx.id}`);
        },
        { retry },
      );
    ctx.compensate("flight", ({ services, key }) => services.agency.cancel(key, `flight ${ctx.id}`), {
      retry,
    });
    const flight = await book("flight");
    ctx.compensate("room", async ({ call }) => void (await call(hotel, input.hotel).free({ guest: ctx.id })));
    const room = await ctx.call(hotel, input.hotel).take({ guest: ctx.id });
    if (!room.ok) throw new HoldfastError("no-room", room.message);
    await ctx.until("hurry", { timeoutMs: 3_000 });
    const rest = await ctx.all([
      book("car"),
      ctx.run("insurance", ({ services, key }) => services.agency.book(key, `insurance ${ctx.id}`), { retry }),
    ]);
    return [flight, ...rest];
  },
});

export const tripsApp: App<unknown, Services> = h.app({ entities: [hotel], workflows: [trip] });

/** What the agency has done, by key. */
export function createAgency() {
  const done = new Map<string, string>();
  const once = async (key: string, what: string): Promise<string> => {
    done.set(key, what);
    return key;
  };
  return {
    done,
    book: once,
    cancel: async (key: string, what: string) => void (await once(key, `not ${what}`)),
  };
}

const ids = ["t1", "t2", "t3", "t4", "t5", "t6", "carless-1", "carless-2"];
const hotels = ["ritz", "inn"];

export const tripsWorld: WorldOptions<Services, ReturnType<typeof createAgency>> = {
  outside: createAgency,
  services: (agency, unreliable) => ({ agency: unreliable("agency", agency) }),
  clients: 8,
  steps: 6,
  async step({ random, pick, call, view }) {
    const id = pick(ids);
    const chance = random();
    if (chance < 0.55) await call(trip, id).start({ hotel: pick(hotels) });
    else if (chance < 0.7) await call(trip, id)["signal-hurry"]({});
    else if (chance < 0.8) await call(trip, id).cancel();
    else await view(trip, id);
  },
  invariants: {
    "every trip ends, complete or undone, and the agency has done each thing once": ({
      entities,
      outside,
      deadLetters,
    }) => {
      const given = new Set(deadLetters.map(({ id }) => id));
      for (const { id, state } of entities(trip)) {
        if (given.has(id)) continue;
        const { status } = state as { readonly status: string };
        const of = (what: string): number => [...outside.done.values()].filter((one) => one === `${what} ${id}`).length;
        const guests = entities(hotel).flatMap(({ state: { guests } }) =>
          guests.filter((guest) => guest === id),
        ).length;
        const [flight, notFlight, car, insurance] = [of("flight"), of("not flight"), of("car"), of("insurance")];
        if (status === "completed" && flight === 1 && notFlight === 0 && car === 1 && insurance === 1 && guests === 1)
          continue;
        if (
          status !== "completed" &&
          notFlight === 1 &&
          flight <= 1 &&
          guests === 0 &&
          ["failed", "cancelled"].includes(status)
        )
          continue;
        return `${id} is ${status}: flight ${flight} - ${notFlight}, car ${car}, insurance ${insurance}, room ${guests}`;
      }
      return true;
    },
  },
};
