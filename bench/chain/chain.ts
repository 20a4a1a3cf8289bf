import { isHoldfastError, machine, on, type Caller, type EntityRef, type Interest, type Subscription } from "holdfast";
import * as z from "zod";
import { attemptsMax, h, type World } from "./world.ts";

const nothing = z.object({});

/** Where a purchase is, and what was done for it so far: kept by hand. */
export const purchase = machine("purchase", {
  initial: "new",
  data: () => ({
    item: "",
    amount: 0,
    reservation: "",
    receipt: "",
    parcel: "",
    tracking: "",
    invoice: "",
    reason: "",
  }),
  events: {
    start: z.object({ item: z.string(), amount: z.number() }),
    reserved: z.object({ reservation: z.string() }),
    charged: z.object({ receipt: z.string() }),
    packed: z.object({ parcel: z.string() }),
    shipped: z.object({ tracking: z.string() }),
    invoiced: z.object({ invoice: z.string() }),
    stepFailed: z.object({ reason: z.string() }),
    unpacked: nothing,
    refunded: nothing,
    released: nothing,
  },
  evolve: {
    start: (data, { item, amount }) => ({ ...data, item, amount }),
    reserved: (data, { reservation }) => ({ ...data, reservation }),
    charged: (data, { receipt }) => ({ ...data, receipt }),
    packed: (data, { parcel }) => ({ ...data, parcel }),
    shipped: (data, { tracking }) => ({ ...data, tracking }),
    invoiced: (data, { invoice }) => ({ ...data, invoice }),
    stepFailed: (data, { reason }) => ({ ...data, reason }),
  },
  states: {
    new: { on: { start: "reserving" } },
    reserving: { on: { reserved: "charging", stepFailed: "failed" } },
    charging: { on: { charged: "packing", stepFailed: "releasing" } },
    packing: { on: { packed: "shipping", stepFailed: "refunding" } },
    shipping: { on: { shipped: "invoicing", stepFailed: "unpacking" } },
    invoicing: { on: { invoiced: "completed", stepFailed: "unpacking" } },
    unpacking: { on: { unpacked: "refunding" } },
    refunding: { on: { refunded: "releasing" } },
    releasing: { on: { released: "failed" } },
    completed: { final: true },
    failed: { final: true },
  },
});

const { events } = purchase;
type To = typeof purchase extends EntityRef<infer Spec> ? Caller<Spec> : never;
type Done = (to: To, number: string) => Promise<unknown>;

/** Does a deed when its turn has come; a failure that lasts is told to the purchase, any other one is tried again. */
const step = (deed: string, after: Interest, done: Done): Subscription<World> =>
  h.subscription(deed, {
    to: [after],
    handle: async ({ id, subject }, { call, services, attempt }) => {
      const to = call(purchase, subject);
      let number: string;
      try {
        number = await services.act(deed, id, subject);
      } catch (error) {
        const isFinal = isHoldfastError(error) && error.retry === "never";
        if (!isFinal && attempt < attemptsMax) throw error;
        return to.stepFailed({ reason: error instanceof Error ? error.message : String(error) });
      }
      return done(to, number);
    },
  });

/** Takes a deed back, as long as it takes. */
const back = (deed: string, after: readonly Interest[], done: Done): Subscription<World> =>
  h.subscription(deed, {
    to: after,
    maxAttempts: 100,
    handle: async ({ id, subject }, { call, services }) =>
      done(call(purchase, subject), await services.act(deed, id, subject)),
  });

export const chain: readonly Subscription<World>[] = [
  step("reserve", on(events.start), (to, reservation) => to.reserved({ reservation })),
  step("charge", on(events.reserved), (to, receipt) => to.charged({ receipt })),
  step("pack", on(events.charged), (to, parcel) => to.packed({ parcel })),
  step("ship", on(events.packed), (to, tracking) => to.shipped({ tracking })),
  step("invoice", on(events.shipped), (to, invoice) => to.invoiced({ invoice })),
  back("unpack", [on(events.stepFailed, { toState: "unpacking" })], (to) => to.unpacked({})),
  back("refund", [on(events.stepFailed, { toState: "refunding" }), on(events.unpacked)], (to) => to.refunded({})),
  back("release", [on(events.stepFailed, { toState: "releasing" }), on(events.refunded)], (to) => to.released({})),
];
