import { machine } from "holdfast";
import * as z from "zod";
import { customersMay } from "./access.ts";

const nothing = z.object({});

/** A customer's account: it has what every account has, and then clusters; or it was rejected, and nothing is left of it. */
export const account = machine("account", {
  initial: "account_created",
  data: () => ({ plan: "" }),
  events: {
    opened: z.object({ plan: z.enum(["small", "large"]) }),
    provisioned: nothing,
    provisioningFailed: nothing,
    clusterRequested: z.object({ name: z.string().regex(/^[a-z0-9-]{1,40}$/) }),
  },
  evolve: { opened: (data, { plan }) => ({ ...data, plan }) },
  states: {
    account_created: { on: { opened: "provisioning_pending" } },
    provisioning_pending: { on: { provisioned: "account_active", provisioningFailed: "account_rejected" } },
    account_active: { on: { clusterRequested: {} } },
    account_rejected: { final: true },
  },
  authorize: customersMay("opened", "clusterRequested"),
  history: true,
  audit: true,
});
