import type { FinalWorld, WorldOptions } from "holdfast/simulation";
import { account } from "./account.ts";
import { bill, centsOf, setUpCents } from "./billing.ts";
import { createCloud } from "./cloud.ts";
import { cluster, nodeNames } from "./cluster.ts";
import type { Kind, Services } from "./holdfast.ts";
import { node } from "./node.ts";
import { provision } from "./provision.ts";

type World = FinalWorld<ReturnType<typeof createCloud>>;

const well = ["well-1", "well-2", "well-3"];
const others = ["no-database-1", "no-queue-1", "no-web-app-1", "no-container-1"];
const names = ["blue", "green", "flaky", "broken"];
const kinds: readonly Kind[] = ["database", "queue", "web-app", "container"];

/** What was given up on is somebody's to put right: nothing is promised of an id that begins so. */
const wasGivenUp = ({ deadLetters }: World, id: string): boolean =>
  deadLetters.some((letter) => letter.id === id || letter.id?.startsWith(`${id}.`) === true);

/** Customers who open accounts, ask for clusters and stop them, more than once and too late; what the platform promises them. */
export const platformWorld: WorldOptions<Services, ReturnType<typeof createCloud>> = {
  outside: createCloud,
  services: (cloud, unreliable) => ({ cloud: unreliable("cloud", cloud) }),
  clients: 10,
  steps: 8,
  async step({ random, pick, call, view, sleep }) {
    const id = pick(random() < 0.7 ? well : others);
    const name = pick(names);
    const chance = random();
    if (chance < 0.25) await call(account, id).opened({ plan: "small" });
    else if (chance < 0.5) await call(account, id).clusterRequested({ name });
    else if (chance < 0.7) await call(cluster, `${id}.${name}`).stopRequested({});
    else if (chance < 0.75) await view(account, id);
    else await sleep(random() * 30_000);
  },
  invariants: {
    "an account has all that it needs, or nothing is left of it": (world) => {
      for (const { id, state } of world.entities(provision)) {
        if (wasGivenUp(world, id)) continue;
        const { status } = state as { readonly status: string };
        const has = kinds.filter((kind) => world.outside.has.has(`${kind} ${id}`)).length;
        const due = status === "completed" ? kinds.length : 0;
        if (has !== due || !["completed", "failed"].includes(status)) return `${id} is ${status} and has ${has}`;
        if ((status === "completed") !== id.startsWith("well-")) return `${id} is ${status}`;
        const [owner] = world.entities(account).filter((one) => one.id === id);
        const expected = status === "completed" ? "account_active" : "account_rejected";
        if (owner && owner.state.state !== expected) return `${id} is ${owner.state.state}`;
      }
      return true;
    },
    "nothing is made twice": ({ outside }) => new Set(outside.deeds).size === outside.deeds.length,
    "a cluster runs on three machines, or there are none of it": (world) => {
      for (const { id, state } of world.entities(cluster)) {
        if (wasGivenUp(world, id)) continue;
        const machines = nodeNames.filter((name) => world.outside.has.has(`machine ${id}.${name}`)).length;
        const isRunning = state.state === "cluster_running";
        if (!isRunning && !["cluster_released", "cluster_rolled_back"].includes(state.state))
          return `${id} waits for ever in ${state.state}`;
        if (machines !== (isRunning ? 3 : 0)) return `${id} is in ${state.state} and has ${machines} machines`;
        if (isRunning && id.endsWith("broken")) return `${id} runs`;
        const { ready, gone } = state.data;
        if ((isRunning ? ready : gone).missing.length > 0) return `${id} is in ${state.state} before all have reported`;
      }
      return true;
    },
    "a machine is there if its node is ready, and not otherwise": (world) => {
      const there = (id: string): boolean => world.outside.has.has(`machine ${id}`);
      return world
        .entities(node)
        .every(({ id, state }) => wasGivenUp(world, id) || there(id) === (state.state === "node_ready"));
    },
    "an account that was provisioned, and a cluster that has run, are on the bill once": (world) => {
      const given = (id: string): boolean => wasGivenUp(world, id);
      const bills = new Map(world.entities(bill).map(({ id, state }) => [id, state.lines]));
      for (const [id, lines] of bills) {
        if (new Set(lines.map(({ item }) => item)).size !== lines.length) return `${id} pays twice`;
      }
      const pays = (id: string, item: string, cents: number): boolean =>
        bills.get(id)?.some((line) => line.item === item && line.cents === cents) === true;
      for (const { id, state } of world.entities(account)) {
        if (given(id)) continue;
        if (pays(id, "set-up", setUpCents) !== (state.state === "account_active"))
          return `${id} pays no set-up, or must not`;
      }
      for (const { id, state, events } of world.entities(cluster)) {
        if (given(id)) continue;
        const from = events.find(({ data }) => data.toState === "cluster_running")?.time;
        const to = events.find(({ data }) => data.fromState === "cluster_running")?.time;
        const isOver = from !== undefined && to !== undefined;
        const line = bills.get(state.data.account)?.find(({ item }) => item === `cluster ${id}`);
        if (line?.cents !== (isOver ? centsOf(from, to) : undefined)) return `${id} pays ${line?.cents}`;
      }
      return true;
    },
  },
};
