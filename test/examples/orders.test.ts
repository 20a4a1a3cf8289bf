import { createTestApp } from "holdfast/testing";
import type { MachineTable, Principal } from "holdfast";
import { describe, expect, test } from "vitest";
import app from "../../examples/orders/app.ts";
import { order } from "../../examples/orders/order.ts";
import { createWorld } from "../../examples/orders/world.ts";

const clerk: Principal = { kind: "user", id: "clerk", tenant: "default", claims: {} };
const table = order.definition.machine as MachineTable;
const events = [...order.definition.commands.keys()].filter((event) => event !== "timedOut");

/** What each event is sent with. */
const inputs: { readonly [event: string]: object } = {
  accepted: { customer: "Ada", total: 120 },
  paid: { receipt: "r1" },
  paymentFailed: { reason: "no" },
  manufacturingFailed: { reason: "no" },
  dispatched: { parcel: "p1" },
  disputeOpened: { reason: "blue" },
};

/** The events that lead to a state, from the beginning: the shortest way. */
function wayTo(goal: string): readonly string[] {
  const ways = new Map<string, readonly string[]>([[table.initial, []]]);
  for (const [state, way] of ways) {
    for (const { event, to = state } of table.states.get(state)?.transitions ?? []) {
      if (!ways.has(to)) ways.set(to, [...way, event]);
    }
  }
  return ways.get(goal) ?? [];
}

/** Nobody reacts: what happens is what the test sends. */
async function orderIn(state: string) {
  const run = createTestApp({ ...app, subscriptions: new Map() }, { services: createWorld() });
  const send = (command: string) =>
    run.execute({ entity: "order", id: "o", command, input: inputs[command] ?? {}, principal: clerk });
  for (const event of wayTo(state)) expect(await send(event)).toMatchObject({ ok: true });
  const look = () => run.view({ entity: "order", id: "o", principal: clerk });
  expect((await look()).view).toMatchObject({ state });
  return { run, send, look };
}

const pairs = [...table.states.keys()].flatMap((state) => events.map((event) => [state, event] as const));

test("there are 165 pairs of a state and an event, and 15 of them are transitions", () => {
  expect(pairs).toHaveLength(165);
  expect([...table.states.values()].flatMap(({ transitions }) => transitions)).toHaveLength(15);
});

describe("all legal transitions succeed and every other (state, event) pair is refused, state unchanged, audited", () => {
  test.each(pairs)("in %s: %s", async (state, event) => {
    const { run, send, look } = await orderIn(state);
    const before = await look();
    const legal = table.states.get(state)?.transitions.find((one) => one.event === event);
    const result = await send(event);
    const stream = { tenant: "default", entity: "order", id: "o" };
    const records = await run.journal.history(stream, { after: 0, limit: 100 });
    const [last] = (JSON.parse(records.at(-1)?.entries ?? "[]") as { command: string; rejected?: object }[]).slice(-1);
    if (legal) {
      expect(result).toMatchObject({ ok: true, reply: { state: legal.to } });
      expect((await look()).view).toMatchObject({ state: legal.to });
      expect(last).toMatchObject({ command: event, principal: "clerk" });
    } else {
      expect(result).toMatchObject({ ok: false, code: "illegal-transition" });
      expect(await look()).toEqual(before);
      expect(last).toMatchObject({ command: event, rejected: { code: "illegal-transition" }, principal: "clerk" });
    }
  });
});

describe("an order", () => {
  async function finished(id: string) {
    const world = createWorld();
    const run = createTestApp(app, { services: world });
    await run.call(order, id).accepted({ customer: "Ada", total: 120 });
    await run.delivered();
    const { view } = await run.view({ entity: "order", id, principal: clerk });
    return { run, world, state: (view as { state: string }).state };
  }

  test.each([
    ["well", "order_confirmed", 0],
    ["refused", "order_created", 0],
    ["unmade", "order_cancelled", 1],
    ["lost", "order_cancelled", 1],
    ["settled", "order_confirmed", 0],
    ["disputed", "order_cancelled", 1],
  ])("whose fate is %s ends in %s, with %d refunds", async (fate, state, refunds) => {
    const { world, state: end } = await finished(`${fate}-1`);
    expect(end).toBe(state);
    expect(world.deeds.filter((deed) => deed === `refund ${fate}-1`)).toHaveLength(refunds);
    expect(new Set(world.deeds).size).toBe(world.deeds.length);
  });

  test("manufacturing_failed after payment leads to exactly one refund, also where the factory says it again", async () => {
    const { run, world } = await finished("unmade-1");
    for (const key of ["k1", "k1", "k2"]) {
      const again = await run.call(order, "unmade-1", { key }).manufacturingFailed({ reason: "It cannot be made." });
      expect(again).toMatchObject({ ok: false, code: "illegal-transition" });
    }
    await run.delivered();
    expect(world.deeds.filter((deed) => deed.startsWith("refund"))).toEqual(["refund unmade-1"]);
  });

  test("a duplicate or late event makes no second transition", async () => {
    const { run } = await finished("well-1");
    const { version } = await run.view({ entity: "order", id: "well-1", principal: clerk });
    for (const late of ["paid", "manufactured", "delivered", "confirmed"]) {
      const request = { entity: "order", id: "well-1", command: late, input: inputs[late] ?? {}, principal: clerk };
      expect(await run.execute(request)).toMatchObject({ ok: false, code: "illegal-transition" });
    }
    expect((await run.view({ entity: "order", id: "well-1", principal: clerk })).version).toBe(version);
  });

  test("time-out of a `_pending` state fires a transition", async () => {
    const { run, send, look } = await orderIn("payment_pending");
    await run.delivered();
    await run.clock.advance(15 * 60_000 - 1_000);
    await run.delivered();
    expect((await look()).view).toMatchObject({ state: "payment_pending" });
    await run.clock.advance(2_000);
    await run.delivered();
    expect((await look()).view).toMatchObject({ state: "order_cancelled" });
    expect(await send("paid")).toMatchObject({ ok: false, code: "illegal-transition" });
  });
});
