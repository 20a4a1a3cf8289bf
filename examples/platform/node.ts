import { machine } from "holdfast";
import * as z from "zod";
import { customersMay } from "./access.ts";

const nothing = z.object({});

/** How often a machine is asked for before the node has failed for good. */
const attemptsMax = 3;

/** A node of a cluster: one machine outside, from its boot to its release. */
export const node = machine("node", {
  initial: "node_created",
  data: () => ({ attempts: 0 }),
  events: {
    requested: nothing,
    booted: nothing,
    bootFailed: z.object({ reason: z.string() }),
    releaseRequested: nothing,
    released: nothing,
  },
  evolve: { bootFailed: ({ attempts }) => ({ attempts: attempts + 1 }) },
  states: {
    node_created: { on: { requested: "boot_pending" } },
    boot_pending: {
      on: {
        booted: "node_ready",
        bootFailed: [
          { to: "boot_pending", guard: ({ attempts }) => attempts + 1 < attemptsMax },
          { to: "node_failed" },
        ],
        releaseRequested: "release_pending",
      },
      timeout: { after: { minutes: 10 }, to: "node_failed" },
    },
    node_ready: { on: { releaseRequested: "release_pending" } },
    release_pending: { on: { released: "node_released" } },
    node_failed: { final: true },
    node_released: { final: true },
  },
  authorize: customersMay(),
  history: true,
  audit: true,
});
