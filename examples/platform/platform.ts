import { on, type Subscription } from "holdfast";
import { account } from "./account.ts";
import { cluster } from "./cluster.ts";
import { h, type Services } from "./holdfast.ts";
import { node } from "./node.ts";
import { provision } from "./provision.ts";

/** What belongs to an account: its workflow, which has the same id, and its clusters. */
const accounts = h.subscription("accounts", {
  to: [on(account.events.opened), on(account.events.clusterRequested), on(provision.events.ended)],
  handle: async (event, { call }) => {
    const { subject } = event;
    if (event.type === "account.opened") await call(provision, subject).start({ plan: event.data.plan });
    else if (event.type === "account.clusterRequested")
      await call(cluster, `${subject}.${event.data.name}`).requested({ account: subject });
    else if (event.data.status === "completed") await call(account, subject).provisioned({});
    else await call(account, subject).provisioningFailed({});
  },
});

/**
 * The one who has machines made and removed. What it does for one node it does in the order of the node's events, which is why
 * this is one subscription and not two.
 */
const machines = h.subscription("machines", {
  to: [
    on(node.events.requested),
    on(node.events.bootFailed),
    on(node.events.timedOut),
    on(node.events.releaseRequested),
  ],
  handle: async ({ id, subject, data }, { call, services }) => {
    const order = { kind: "machine", owner: subject } as const;
    if (data.toState === "boot_pending") {
      const made = await services.cloud.create(order, id);
      if (made.ok) await call(node, subject).booted({});
      else await call(node, subject).bootFailed({ reason: made.reason });
    } else {
      await services.cloud.remove(order);
      if (data.toState === "release_pending") await call(node, subject).released({});
    }
  },
});

/** Nodes report to their cluster. It counts each report once; one that comes too late is refused by its table. */
const reporting = h.subscription("reporting", {
  to: [
    on(node.events.booted),
    on(node.events.bootFailed, { toState: "node_failed" }),
    on(node.events.timedOut),
    on(node.events.released),
  ],
  handle: async ({ type, subject }, { call }) => {
    const end = subject.lastIndexOf(".");
    const parent = call(cluster, subject.slice(0, end));
    const report = { node: subject.slice(end + 1) };
    if (type === "node.booted") await parent.nodeReady(report);
    else if (type === "node.released") await parent.nodeReleased(report);
    else await parent.nodeFailed(report);
  },
});

export const platform: readonly Subscription<Services>[] = [accounts, machines, reporting];
