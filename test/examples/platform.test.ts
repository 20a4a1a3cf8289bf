import { machineDiagram, type MachineTable, type Principal } from "holdfast";
import { createTestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { account } from "../../examples/platform/account.ts";
import app from "../../examples/platform/app.ts";
import { bill } from "../../examples/platform/billing.ts";
import { createCloud } from "../../examples/platform/cloud.ts";
import { cluster } from "../../examples/platform/cluster.ts";
import { node } from "../../examples/platform/node.ts";
import { provision } from "../../examples/platform/provision.ts";
import { decodeEntries } from "../../src/core/journal/format.ts";

const clerk: Principal = { kind: "user", id: "clerk", tenant: "default", claims: {} };
const hourMs = 3_600_000;

function start() {
  const cloud = createCloud();
  const run = createTestApp(app, { services: { cloud } });
  /** As a customer. */
  const ask = (entity: string, id: string, command: string, input?: object) =>
    run.execute({ entity, id, command, ...(input && { input }), principal: clerk });
  const view = async (entity: string, id: string) => (await run.view({ entity, id, principal: clerk })).view;
  const open = async (id: string) => {
    await ask("account", id, "opened", { plan: "small" });
    await run.delivered();
  };
  /** A running account with that cluster, and all that comes of it. */
  const withCluster = async (name: string) => {
    await open("well-1");
    await ask("account", "well-1", "clusterRequested", { name });
    await run.delivered();
    return `well-1.${name}`;
  };
  /** Events of a stream: `nodeReady nodes_pending > cluster_running`. */
  const life = async (entity: string, id: string) => {
    const { events } = await run.history({ entity, id, principal: clerk, after: 0, limit: 100 });
    return events.map(({ type, data }) => {
      // Every event of a machine says so.
      const { fromState, toState } = data as { readonly fromState: string; readonly toState: string };
      return `${type.slice(entity.length + 1)} ${fromState} > ${toState}`;
    });
  };
  return { run, cloud, ask, view, open, withCluster, life };
}

describe("an account", () => {
  const all = ["container", "database", "queue", "web-app"];

  test("is provisioned with a database, a queue, a web app and a container", async () => {
    const { cloud, open, view } = start();
    await open("well-1");
    expect(await view("account", "well-1")).toMatchObject({ state: "account_active", data: { plan: "small" } });
    expect([...cloud.has].toSorted()).toEqual(all.map((kind) => `${kind} well-1`));
  });

  test.each(all)("for which there is no %s is rejected, and nothing is left of it", async (kind) => {
    const { cloud, open, view } = start();
    await open(`no-${kind}-1`);
    expect(await view("account", `no-${kind}-1`)).toMatchObject({ state: "account_rejected" });
    expect([...cloud.has]).toEqual([]);
    // There was something to undo, and it is undone in the order that is the reverse of its making.
    const made = cloud.deeds.filter((deed) => deed.startsWith("create")).map((deed) => deed.slice("create ".length));
    const removed = cloud.deeds.filter((deed) => deed.startsWith("remove")).map((deed) => deed.slice("remove ".length));
    expect(made.length).toBeGreaterThan(0);
    expect(removed).toEqual(made.toReversed());
  });

  test("provisioning twice makes one set of resources", async () => {
    const { run, cloud, ask, open } = start();
    await open("well-1");
    expect(await ask("account", "well-1", "opened", { plan: "small" })).toMatchObject({ code: "illegal-transition" });
    expect(await run.call(provision, "well-1").start({ plan: "large" })).toMatchObject({
      ok: false,
      code: "workflow-exists",
    });
    await run.delivered();
    expect(cloud.deeds.toSorted()).toEqual(all.map((kind) => `create ${kind} well-1`));
  });

  test("that is not active has no clusters", async () => {
    const { run, ask, open, cloud } = start();
    await open("no-queue-1");
    expect(await ask("account", "no-queue-1", "clusterRequested", { name: "blue" })).toMatchObject({
      code: "illegal-transition",
    });
    await run.delivered();
    expect([...cloud.has]).toEqual([]);
  });
});

describe("a cluster", () => {
  test("runs when its three nodes are ready, each counted once, and is released when they are", async () => {
    const { run, cloud, ask, withCluster, life } = start();
    const id = await withCluster("flaky");
    const machines = () => [...cloud.has].filter((name) => name.startsWith("machine"));
    expect(machines()).toHaveLength(3);
    // Its second attempt was better.
    expect(await life("node", `${id}.b`)).toEqual([
      "requested node_created > boot_pending",
      "bootFailed boot_pending > boot_pending",
      "booted boot_pending > node_ready",
    ]);
    await ask("cluster", id, "stopRequested", {});
    await run.delivered();
    expect(machines()).toEqual([]);
    expect(await life("cluster", id)).toEqual([
      "requested cluster_created > nodes_pending",
      "nodeReady nodes_pending > nodes_pending",
      "nodeReady nodes_pending > nodes_pending",
      "nodeReady nodes_pending > cluster_running",
      "stopRequested cluster_running > release_pending",
      "nodeReleased release_pending > release_pending",
      "nodeReleased release_pending > release_pending",
      "nodeReleased release_pending > cluster_released",
    ]);
  });

  test("a cluster of three children of which one fails for good: parent in its rollback state, the others released, no orchestrator", async () => {
    const { run, cloud, withCluster, view, life } = start();
    const id = await withCluster("broken");
    expect(await view("cluster", id)).toMatchObject({ state: "cluster_rolled_back" });
    expect(await view("node", `${id}.a`)).toMatchObject({ state: "node_released" });
    expect(await view("node", `${id}.b`)).toMatchObject({ state: "node_failed", data: { attempts: 3 } });
    expect(await view("node", `${id}.c`)).toMatchObject({ state: "node_released" });
    expect(await life("cluster", id)).toContain("nodeFailed nodes_pending > rollback_pending");
    expect([...cloud.has].filter((name) => name.startsWith("machine"))).toEqual([]);
    // The one workflow that there is has nothing to do with it.
    await expect(run.view({ entity: "provision", id, principal: clerk })).resolves.toMatchObject({ version: 0 });
  });

  test("whose node says nothing for too long is rolled back, and nothing is left of that node either", async () => {
    const cloud = createCloud();
    // It is made, and nobody hears of it.
    const mute = {
      ...cloud,
      create: async (...args: Parameters<typeof cloud.create>) => {
        const made = await cloud.create(...args);
        if (args[0].owner.endsWith(".c")) throw new Error("no answer");
        return made;
      },
    };
    const run = createTestApp(app, { services: { cloud: mute } });
    await run.call(cluster, "x.blue").requested({ account: "x" });
    await run.delivered();
    for (let minute = 0; minute < 30; minute++) {
      await run.clock.advance(60_000);
      await run.delivered();
    }
    const state = async (id: string) => (await run.view({ entity: "node", id, principal: clerk })).view;
    expect((await run.view({ entity: "cluster", id: "x.blue", principal: clerk })).view).toMatchObject({
      state: "cluster_rolled_back",
    });
    expect(await state("x.blue.c")).toMatchObject({ state: "node_failed" });
    expect([...cloud.has]).toEqual([]);
  });

  test("a duplicate or late event makes no second transition", async () => {
    const { run, cloud, ask, withCluster, life } = start();
    const id = await withCluster("blue");
    const before = await life("cluster", id);
    expect(await run.call(cluster, id).nodeReady({ node: "a" })).toMatchObject({ code: "illegal-transition" });
    expect(await run.call(cluster, id).nodeFailed({ node: "a" })).toMatchObject({ code: "illegal-transition" });
    expect(await run.call(node, `${id}.a`).booted({})).toMatchObject({ code: "illegal-transition" });
    expect(await run.call(node, `${id}.a`).requested({})).toMatchObject({ code: "illegal-transition" });
    await run.delivered();
    expect(await life("cluster", id)).toEqual(before);

    await ask("cluster", id, "stopRequested", {});
    await run.delivered();
    expect((await life("cluster", id)).filter((line) => line.startsWith("nodeReleased"))).toHaveLength(3);
    expect(cloud.deeds.filter((deed) => deed === `remove machine ${id}.a`)).toHaveLength(1);
  });

  test("counts a report once, and none of a node that is not its own", async () => {
    // Nobody reports but the test.
    const run = createTestApp({ ...app, subscriptions: new Map() }, { services: { cloud: createCloud() } });
    await run.call(cluster, "x").requested({ account: "a" });
    for (const [name, outcome] of [
      ["a", { ok: true, reply: { state: "nodes_pending" } }],
      ["a", { ok: false, code: "guard-refused" }],
      ["z", { ok: false, code: "guard-refused" }],
      ["c", { ok: true, reply: { state: "nodes_pending" } }],
      ["b", { ok: true, reply: { state: "cluster_running" } }],
    ] as const) {
      expect(await run.call(cluster, "x").nodeReady({ node: name })).toMatchObject(outcome);
    }
  });

  test("customers say that it is to stop, and nothing else of what happens to it", async () => {
    const { ask, withCluster } = start();
    const id = await withCluster("blue");
    await expect(ask("cluster", id, "nodeFailed", { node: "a" })).rejects.toMatchObject({ code: "forbidden" });
    await expect(ask("node", `${id}.a`, "releaseRequested", {})).rejects.toMatchObject({ code: "forbidden" });
    await expect(ask("bill", "well-1", "charge", { item: "x", cents: 1 })).rejects.toMatchObject({ code: "forbidden" });
  });
});

describe("billing, which knows the platform by its events", () => {
  test("charges what was provisioned, and the hours of clusters, once each", async () => {
    const { run, ask, open, withCluster, view } = start();
    await open("no-queue-1");
    const id = await withCluster("blue");
    await withCluster("broken");
    await run.clock.advance(2.5 * hourMs);
    await ask("cluster", id, "stopRequested", {});
    await run.delivered();
    expect(await view("bill", "well-1")).toEqual({
      lines: [
        { item: "set-up", cents: 5_000 },
        { item: `cluster ${id}`, cents: 75 },
      ],
      cents: 5_075,
    });
    expect(await view("bill", "no-queue-1")).toEqual({ lines: [], cents: 0 });
    expect(await run.call(bill, "well-1").charge({ item: "set-up", cents: 5_000 })).toMatchObject({
      ok: false,
      code: "already-charged",
    });
  });
});

describe("the machine prints its own diagram", () => {
  test.each([account, cluster, node])("which is its table: $name", ({ definition }) => {
    // It is a machine.
    const table = definition.machine as MachineTable;
    const drawn = machineDiagram(table)
      .split("\n")
      .filter((line) => /^ {2}\w+ --> \w+: (?!after )/.test(line))
      .map((line) => line.trim().replace(" [guarded]", ""));
    const declared = [...table.states].flatMap(([from, { transitions }]) =>
      transitions.map(({ event, to = from }) => `${from} --> ${to}: ${event}`),
    );
    expect(drawn).toEqual(declared);
    expect(drawn.length).toBeGreaterThan(3);
  });
});

test("the failing transition of a process is found in one query", async () => {
  const { run, ask, withCluster } = start();
  const id = await withCluster("broken");
  // Also what was refused: a report that came too late.
  await run.call(cluster, id).nodeReady({ node: "a" });
  await ask("cluster", id, "stopRequested", {});

  // `npx holdfast events cluster well-1.broken --json`
  const records = await run.journal.history({ tenant: "default", entity: "cluster", id }, { after: 0, limit: 500 });
  const entries = records.flatMap(decodeEntries);
  const [failing] = entries.filter(({ events }) =>
    events?.some(({ data }) => (data as { toState?: string }).toState === "rollback_pending"),
  );
  expect(failing).toMatchObject({
    command: "nodeFailed",
    events: [{ data: { node: "b", fromState: "nodes_pending" } }],
  });
  expect(entries.filter(({ rejected }) => rejected).map(({ command, rejected }) => [command, rejected?.code])).toEqual([
    ["nodeReady", "illegal-transition"],
    ["stopRequested", "illegal-transition"],
  ]);

  // It names what has caused it, the event of the node, and the process that both belong to: the request for the cluster.
  const [, entry = "", place] = /^(.*)-(\d+)$/.exec(failing?.causation ?? "") ?? [];
  const ofNode = (
    await run.journal.history({ tenant: "default", entity: "node", id: `${id}.b` }, { after: 0, limit: 500 })
  ).flatMap(decodeEntries);
  const cause = ofNode.find((one) => one.id === entry);
  expect(cause?.events?.[Number(place) - 1]).toMatchObject({
    type: "bootFailed",
    data: { reason: "There is no machine to be had." },
  });
  const [requested] = (
    await run.journal.history({ tenant: "default", entity: "account", id: "well-1" }, { after: 0, limit: 500 })
  )
    .flatMap(decodeEntries)
    .filter(({ command }) => command === "clusterRequested");
  expect(failing?.correlation).toBe(requested?.correlation ?? requested?.id);
  expect(cause?.correlation).toBe(failing?.correlation);
});
