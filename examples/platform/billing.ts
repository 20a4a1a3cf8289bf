import { holdfast, machine, on, reject, type Subscription } from "holdfast";
import * as z from "zod";
import { account } from "./account.ts";
import { customersMay } from "./access.ts";
import { cluster } from "./cluster.ts";

// Another domain. It knows the platform by its events alone, and the platform does not know that it is billed.

const h = holdfast<unknown>();
const line = z.object({ item: z.string(), cents: z.int().nonnegative() });
export const setUpCents = 5_000;
const hourCents = 25;

/** What an account owes. */
export const bill = h
  .entity("bill", {
    initial: () => ({ lines: [] as readonly z.infer<typeof line>[], cents: 0 }),
    events: { charged: line },
    evolve: { charged: ({ lines, cents }, added) => ({ lines: [...lines, added], cents: cents + added.cents }) },
    authorize: customersMay(),
  })
  .command("charge", {
    input: line,
    decide: ({ lines }, added, { events }) =>
      lines.some(({ item }) => item === added.item)
        ? reject("already-charged", `${added.item} is on the bill.`)
        : events.charged(added),
  });

const at = z.object({ at: z.number() });

/** How long a cluster runs, and who pays for it: begun hours. */
export const meter = machine("meter", {
  initial: "meter_created",
  data: () => ({ account: "", from: 0, to: 0 }),
  events: { assigned: z.object({ account: z.string() }), started: at, stopped: at },
  evolve: {
    assigned: (data, { account }) => ({ ...data, account }),
    started: (data, { at }) => ({ ...data, from: at }),
    stopped: (data, { at }) => ({ ...data, to: at }),
  },
  states: {
    meter_created: { on: { assigned: "standing" } },
    standing: { on: { started: "running" } },
    running: { on: { stopped: "read" } },
    read: {
      final: true,
      entry: ({ account, from, to }, { id, send }) =>
        send(bill, account).charge({ item: `cluster ${id}`, cents: centsOf(from, to) }),
    },
  },
  authorize: customersMay(),
  audit: true,
});

/** Of a cluster that ran from then to then, epoch milliseconds. */
export function centsOf(from: number, to: number): number {
  return Math.max(1, Math.ceil((to - from) / 3_600_000)) * hourCents;
}

const accounts = h.subscription("bill-accounts", {
  to: [on(account.events.provisioned)],
  handle: async ({ subject }, { call }) =>
    void (await call(bill, subject).charge({ item: "set-up", cents: setUpCents })),
});

/** Of all that happens to a cluster: whose it is, when it runs, and when it does so no longer. */
const clusters = h.subscription("bill-clusters", {
  to: [
    on(cluster.events.requested),
    on(cluster.events.nodeReady, { toState: "cluster_running" }),
    on(cluster.events.stopRequested, { fromState: "cluster_running" }),
  ],
  handle: async (event, { call }) => {
    const to = call(meter, event.subject);
    if (event.type === "cluster.requested") await to.assigned({ account: event.data.account });
    else if (event.type === "cluster.nodeReady") await to.started({ at: event.time });
    else await to.stopped({ at: event.time });
  },
});

export const billing: readonly Subscription[] = [accounts, clusters];
