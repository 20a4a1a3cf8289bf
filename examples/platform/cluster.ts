import { machine, reports, reportsOf, type EntryContext } from "holdfast";
import * as z from "zod";
import { customersMay } from "./access.ts";
import { node } from "./node.ts";

/** What a cluster calls its nodes. The node `b` of the cluster `well-1.blue` is `well-1.blue.b`. */
export const nodeNames = ["a", "b", "c"] as const;

/** Nodes that are ready, and nodes of which nothing is left: each counts once. */
const ready = reports("ready", { by: "node" });
const gone = reports("gone", { by: "node" });

const nothing = z.object({});
const ofNode = z.object({ node: z.string() });

/**
 * A cluster of three nodes. Nobody conducts: it tells its nodes what it wants when it comes to a state, and goes on when they
 * have reported. Where one fails for good, the others are released.
 */
export const cluster = machine("cluster", {
  initial: "cluster_created",
  data: () => ({ account: "", ready: reportsOf(nodeNames), gone: reportsOf(nodeNames) }),
  events: {
    requested: z.object({ account: z.string() }),
    nodeReady: ofNode,
    nodeFailed: ofNode,
    nodeReleased: ofNode,
    stopRequested: nothing,
  },
  evolve: {
    requested: (data, { account }) => ({ ...data, account }),
    nodeReady: ready.count,
    nodeFailed: gone.count,
    nodeReleased: gone.count,
  },
  states: {
    cluster_created: { on: { requested: "nodes_pending" } },
    nodes_pending: {
      entry: request,
      on: {
        nodeReady: [{ to: "cluster_running", guard: ready.all }, { guard: ready.any }],
        nodeFailed: { to: "rollback_pending", guard: gone.any },
        stopRequested: "rollback_pending",
      },
      timeout: { after: { hours: 1 }, to: "rollback_pending" },
    },
    cluster_running: { on: { stopRequested: "release_pending" } },
    rollback_pending: {
      entry: release,
      on: {
        nodeFailed: [{ to: "cluster_rolled_back", guard: gone.all }, { guard: gone.any }],
        nodeReleased: [{ to: "cluster_rolled_back", guard: gone.all }, { guard: gone.any }],
      },
    },
    release_pending: {
      entry: release,
      on: { nodeReleased: [{ to: "cluster_released", guard: gone.all }, { guard: gone.any }] },
    },
    cluster_rolled_back: { final: true },
    cluster_released: { final: true },
  },
  authorize: customersMay("stopRequested"),
  history: true,
  audit: true,
});

function request(_data: unknown, { id, send }: EntryContext): void {
  for (const name of nodeNames) send(node, `${id}.${name}`).requested({});
}

/** Also those that have failed: they refuse it, and that changes nothing. */
function release(_data: unknown, { id, send }: EntryContext): void {
  for (const name of nodeNames) send(node, `${id}.${name}`).releaseRequested({});
}
