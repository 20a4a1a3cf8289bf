import { account } from "./account.ts";
import { bill, billing, meter } from "./billing.ts";
import { cluster } from "./cluster.ts";
import { h } from "./holdfast.ts";
import { node } from "./node.ts";
import { platform } from "./platform.ts";
import { provision } from "./provision.ts";

/** Accounts that are provisioned by a workflow, clusters that conduct themselves, and a bill. */
export default h.app({
  entities: [account, cluster, node, bill, meter],
  workflows: [provision],
  subscriptions: [...platform, ...billing],
});
