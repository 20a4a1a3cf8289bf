import { accept, holdfast, HoldfastError, isHoldfastError, reject, type App, type EntityRef } from "holdfast";
import type { Faults, FinalEntity, FinalWorld, Step, WorldOptions } from "holdfast/simulation";
import { workflows } from "holdfast/workflows";
import * as z from "zod";

/** One call in five goes wrong, before its effect or behind it; one in two hundred more is its instance's last. */
export const oneInFive: Partial<Faults> = {
  throttle: 0.1,
  lost: 0.1,
  crash: 0.005,
  late: 0.02,
  sdkRetry: 0.02,
  cut: 0.1,
  duplicate: 0.1,
  fail: 0.2,
  // Who is given up on for good ends nothing, and an erased tour is nobody's.
  poison: 0,
  erase: 0,
};

export interface Agency {
  book(key: string, what: string): Promise<string>;
  callOff(key: string, what: string): Promise<void>;
}

export interface Services {
  readonly agency: Agency;
}

/** What was done outside, in its order. */
interface Deed {
  readonly is: "booked" | "called off";
  readonly what: string;
}

/** Outside: a deed with a key that is known is the same deed; what was called off is not booked any more. */
export function createAgency(): Agency & { readonly deeds: readonly Deed[] } {
  const known = new Map<string, Deed>();
  const deeds: Deed[] = [];
  const once = (key: string, deed: Deed): void => {
    if (known.has(key)) return;
    known.set(key, deed);
    deeds.push(deed);
  };
  return {
    deeds,
    async book(key, what) {
      const isOff = deeds.some((deed) => deed.is === "called off" && deed.what === what);
      if (isOff && !known.has(key)) throw new HoldfastError("called-off", `${what} was called off.`);
      once(key, { is: "booked", what });
      return `${what}, ${key}`;
    },
    callOff: async (key, what) => once(key, { is: "called off", what }),
  };
}

const h = holdfast<Services>();
const workflow = workflows<Services>();
const guest = z.object({ guest: z.string() });

/** Rooms of a hotel. Who has left does not come back: a late `take` finds that it is over. */
export const hotel = h
  .entity("hotel", {
    initial: () => ({ guests: [] as readonly string[], left: [] as readonly string[] }),
    events: { taken: guest, freed: guest },
    evolve: {
      taken: (state, { guest }) => ({ ...state, guests: [...state.guests, guest] }),
      freed: ({ guests, left }, { guest }) => ({
        guests: guests.filter((one) => one !== guest),
        left: [...left, guest],
      }),
    },
    snapshotEvery: 5,
  })
  .command("take", {
    input: guest,
    decide: ({ guests, left }, input, { events }) => {
      if (left.includes(input.guest)) return reject("left", "The guest has left.");
      if (guests.length >= 100) return reject("full", "The hotel is full.");
      return accept([events.taken(input)], { reply: guests.length });
    },
  })
  .command("free", {
    input: guest,
    decide: ({ left }, input, { events }) => (left.includes(input.guest) ? [] : events.freed(input)),
  });

const parts = ["flight", "car", "insurance"] as const;
const retry = { attempts: 30, firstMs: 200, maxMs: 5_000, never: ["sold-out", "called-off"] };
const hotelOf = (leg: number): string => `hotel-${leg}`;

/** All legs of a tour, each in a run of its own and confirmed by its customer, or nothing of it. */
export const tour = workflow("tour", {
  input: z.object({ legs: z.number(), leg: z.number().default(1), heard: z.array(z.number()).default([]) }),
  signals: { confirmed: z.object({ n: z.number() }) },
  run: async ({ legs, leg, heard }, ctx) => {
    const undo = (what: string): void =>
      ctx.compensate(what, ({ services, key }) => services.agency.callOff(key, what), { retry });
    const book = (part: string): Promise<string> => {
      const what = `${part} ${leg} of ${ctx.id}`;
      // Before it is done: who is cancelled meanwhile does not know whether it was.
      undo(what);
      return ctx.run(
        part,
        ({ services, key }) => {
          if (part === "car" && leg === legs && ctx.id.startsWith("carless")) throw new HoldfastError("sold-out", "-");
          return services.agency.book(key, what);
        },
        { retry },
      );
    };
    const undoRoom = (of: number): void =>
      ctx.compensate("room", async ({ call }) => void (await call(hotel, hotelOf(of)).free({ guest: ctx.id })));
    // What earlier runs have done is undone with the last one.
    for (let before = 1; before < leg; before++) {
      undoRoom(before);
      for (const part of parts) undo(`${part} ${before} of ${ctx.id}`);
    }
    await book("flight");
    undoRoom(leg);
    const room = await ctx.call(hotel, hotelOf(leg)).take({ guest: ctx.id });
    if (!room.ok) throw new HoldfastError("no-room", room.message);
    const said = await ctx.until("confirmed");
    const all = said.ok ? [...heard, said.data.n] : heard;
    await ctx.sleep(500);
    await ctx.all([book("car"), book("insurance")]);
    if (leg < legs) await ctx.continueAsNew({ legs, leg: leg + 1, heard: all });
    return all;
  },
});

export const toursApp: App<unknown, Services> = h.app({ entities: [hotel], workflows: [tour] });

/** What became of the tours of a world. */
export interface Ends {
  readonly completed: number;
  /** Failed or cancelled, with all that was done undone. */
  readonly compensated: number;
  /** Of those the ones of which something had been done outside. */
  readonly undone: number;
}

type World = FinalWorld<ReturnType<typeof createAgency>>;

type TourSpec = typeof tour extends EntityRef<infer Spec> ? Spec : never;

/** What is wrong with a tour; undefined where it is complete, or undone as a whole. */
function wrong(world: World, { id, state, events: own }: FinalEntity<TourSpec>): string | undefined {
  const { status, output, failure } = state as { readonly [name: string]: unknown };
  // A workflow's own events are of its machinery; its types tell of its end only.
  const events = own as readonly { readonly type: string; readonly data: unknown }[];
  const started = events.find(({ type }) => type === "started");
  if (!started) return "was never started";
  const { legs } = (started.data as { readonly input: { readonly legs: number } }).input;
  const order = Array.from({ length: legs }, (_, i) => parts.map((part) => `${part} ${i + 1} of ${id}`)).flat();
  const deeds = world.outside.deeds.filter(({ what }) => order.includes(what));
  const times = (is: Deed["is"], of: string): number =>
    deeds.filter((deed) => deed.is === is && deed.what === of).length;
  const rooms = world.entities(hotel).filter(({ state: { guests } }) => guests.includes(id)).length;
  if (status === "completed") {
    const signals = events.filter(({ type }) => type === "signalled");
    const told = signals.map(({ data }) => (data as { readonly data: { readonly n: number } }).data.n);
    if (JSON.stringify(output) !== JSON.stringify(told.slice(0, legs))) return `was told ${told}, heard ${output}`;
    if (rooms !== legs) return `is completed, with ${rooms} rooms for ${legs} legs`;
    const odd = order.find((what) => times("booked", what) !== 1 || times("called off", what) !== 0);
    return odd && `is completed; ${odd}: ${times("booked", odd)} times, called off ${times("called off", odd)} times`;
  }
  if (status !== "failed" && status !== "cancelled") return `is ${status} ${JSON.stringify(failure) ?? ""}`;
  if (rooms !== 0) return `is ${status}, and has ${rooms} rooms`;
  const odd = order.find((what) => {
    const off = times("called off", what);
    return times("booked", what) > 1 || off > 1 || times("booked", what) > off;
  });
  if (odd) return `is ${status}; ${odd}: ${times("booked", odd)} times, called off ${times("called off", odd)} times`;
  const off = deeds.filter(({ is }) => is === "called off").map(({ what }) => what);
  const last = order.filter((what) => off.includes(what)).toReversed();
  return off.join() === last.join() ? undefined : `is undone in another order than the last one first: ${off.join()}`;
}

function endsOf({ entities, outside }: World): Ends {
  const all = entities(tour).map(({ id, state }) => ({ id, status: (state as { readonly status: string }).status }));
  const compensated = all.filter(({ status }) => status !== "completed");
  return {
    completed: all.length - compensated.length,
    compensated: compensated.length,
    undone: compensated.filter(({ id }) =>
      outside.deeds.some(({ is, what }) => is === "booked" && what.endsWith(` of ${id}`)),
    ).length,
  };
}

/** Each customer takes one tour after the other, and waits for its end while everything goes on going wrong. */
async function travel({ client, step, random, pick, call, view, sleep }: Step): Promise<void> {
  const id = `${pick(["fine", "fine", "carless", "fickle"])}-${client}-${step}`;
  const legs = random() < 0.3 ? 2 : 1;
  const patiently = async <T>(what: () => Promise<T>): Promise<T | undefined> => {
    for (let tries = 0; tries < 50; tries++) {
      try {
        return await what();
      } catch (error) {
        if (!isHoldfastError(error)) throw error;
        await sleep(500);
      }
    }
    return undefined;
  };
  await patiently(() => call(tour, id).start({ legs }));
  for (let n = 1; n <= legs; n++) {
    await sleep(3_000 * random());
    if (id.startsWith("fickle") && n === legs) await patiently(() => call(tour, id).cancel());
    await patiently(() => call(tour, id)["signal-confirmed"]({ n }));
  }
  // While it is undone, perhaps.
  if (id.startsWith("carless") && random() < 0.5) {
    await sleep(5_000 * random());
    await patiently(() => call(tour, id).cancel());
  }
  for (let looks = 0; looks < 40; looks++) {
    await sleep(10_000);
    const seen = await patiently(() => view(tour, id));
    if (seen && seen.view.status !== "running") return;
  }
}

/** The world of the tours; `onEnd` is told what became of them where nothing is wrong. */
export function toursWorld(
  onEnd: (ends: Ends) => void = () => {},
): WorldOptions<Services, ReturnType<typeof createAgency>> {
  return {
    outside: createAgency,
    services: (agency, unreliable) => ({ agency: unreliable("agency", agency) }),
    clients: 20,
    steps: 3,
    faults: oneInFive,
    // Of hotels as busy as these a window of 64 keys would be over before a late call comes, which is refused then.
    limits: { keys: { foreignMs: 86_400_000, derivedMs: 15 * 86_400_000, keysMax: 65_536 } },
    step: travel,
    invariants: {
      "each tour ends completed or fully compensated, and outside each thing is done once": (world) => {
        if (world.deadLetters.length > 0) return `${world.deadLetters.length} were given up on`;
        for (const one of world.entities(tour)) {
          const found = wrong(world, one);
          if (found !== undefined) return `${one.id} ${found}`;
        }
        onEnd(endsOf(world));
        return true;
      },
    },
  };
}
