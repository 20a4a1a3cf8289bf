import { createBrokerTarget, createOutboxTarget, simulate, type WorldOptions } from "holdfast/simulation";
import { expect, test } from "vitest";
import { app, order, stock } from "./reservations-app.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 200 : 8;
const timeout = 1_200_000;

/** Customers of two stocks, and meddlers. */
const world: WorldOptions = {
  clients: 10,
  steps: 6,
  async step({ random, pick, call, sleep }) {
    const id = `o${1 + Math.floor(random() * 12)}`;
    const chance = random();
    if (chance < 0.5) await call(order, id).placed({ stocks: pick([["a"], ["b"], ["a", "b"], ["b", "a", "b"]]) });
    // Not true, or too early: an order that believes it is refused by the stock.
    else if (chance < 0.6) await call(order, id).reserved({ stock: pick(["a", "b", "c"]) });
    else if (chance < 0.7) await call(stock, pick(["a", "b"])).confirm({ order: id });
    else await sleep(random() * 90_000);
  },
  invariants: {
    "reserved, confirmed and free are the capacity, always": ({ entities }) => {
      for (const { id, state, events } of entities(stock)) {
        const held = new Set<string>();
        for (const { type, data } of events) {
          if (type === "reserved" && held.has(data.order)) return `${data.order} has two of ${id}`;
          if (type === "reserved") held.add(data.order);
          if (type === "expired" || type === "cancelled") held.delete(data.order);
          if (held.size > state.capacity) return `${id} has given more than it has`;
        }
        if (held.size !== state.reservations.length) return `${id} has lost one`;
      }
      return true;
    },
    "no reservation stays for ever": ({ entities }) =>
      entities(stock).every(({ state }) => state.reservations.every(({ timer }) => timer === undefined)),
    "an order is confirmed at all its stocks or at none": ({ entities, deadLetters }) => {
      const stocks = entities(stock);
      for (const { id, state } of entities(order)) {
        // What an operator has erased is nobody's any more.
        const own = stocks.filter((one) => state.data.stocks.includes(one.id));
        const has = own.filter(({ state: { reservations } }) => reservations.some((one) => one.order === id)).length;
        if (has !== (state.state === "done" ? own.length : 0)) return `${id} is ${state.state} and has ${has}`;
        const isWhole = own.length === state.data.stocks.length && deadLetters.length === 0;
        if (isWhole && !["new", "done", "cancelled"].includes(state.state)) return `${id} is ${state.state} for ever`;
      }
      return true;
    },
  },
};

test.each([
  ["a store with messages of its own", undefined],
  ["a broker", createBrokerTarget],
  ["a store that tells nobody", createOutboxTarget],
])("on %s no reservation is lost or doubled", { timeout }, async (_on, target) => {
  let done = 0;
  let cancelled = 0;
  const { invariants } = world;
  const seen = ({ entities }: Parameters<NonNullable<typeof invariants>[string]>[0]): void => {
    for (const { state } of entities(order)) {
      if (state.state === "done") done++;
      if (state.state === "cancelled") cancelled++;
    }
  };
  const report = await simulate(app, {
    ...world,
    invariants: { ...invariants, seen },
    ...(target && { target }),
    seeds,
  });
  expect(report.seeds).toBe(seeds);
  // Both happen: the promises are put to the test.
  expect(done).toBeGreaterThan(seeds);
  expect(cancelled).toBeGreaterThan(seeds);
});
