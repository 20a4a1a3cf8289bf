import type { JsonValue, NewEvent, Principal } from "holdfast";
import { createTestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { app, order, stock } from "./reservations-app.ts";
import { begin, explore, type Moment, type Mutant } from "./reservations-explorer.ts";

const place = (id: string, ...stocks: readonly string[]) => ({
  entity: "order",
  id,
  command: "placed",
  input: { stocks } satisfies JsonValue,
});

interface Stock {
  readonly capacity: number;
  readonly reservations: readonly { readonly order: string; readonly timer?: string }[];
}
interface Order {
  readonly state: string;
  readonly data: { readonly stocks: readonly string[] };
}

/** What the recipe promises at any moment, and when all has come to rest. */
function check({ entities }: Moment, isRest: boolean): void {
  const those = <State>(kind: string): readonly (readonly [string, State])[] =>
    Object.entries(entities)
      .filter(([name]) => name.startsWith(`${kind} `))
      // Of that kind, states are such.
      .map(([name, { state }]) => [name.slice(kind.length + 1), state as State]);
  const stocks = those<Stock>("stock");
  for (const [id, { capacity, reservations }] of stocks) {
    if (reservations.length > capacity) throw new Error(`Stock ${id} has more reservations than it has.`);
    if (new Set(reservations.map(({ order }) => order)).size < reservations.length)
      throw new Error(`Doubled in ${id}.`);
    if (isRest && reservations.some(({ timer }) => timer)) throw new Error(`A reservation of ${id} stays for ever.`);
  }
  if (!isRest) return;
  for (const [id, { state, data }] of those<Order>("order")) {
    const has = stocks.filter(([, { reservations }]) => reservations.some(({ order }) => order === id)).length;
    if (has !== (state === "done" ? data.stocks.length : 0)) throw new Error(`Order ${id} is ${state} and has ${has}.`);
  }
}

/** How orders may end, whatever comes when: `done cancelled`. */
function endsOf(first: Moment, mutant?: Mutant) {
  const ends = new Set<string>();
  const moments = explore(
    first,
    (moment, isRest) => {
      check(moment, isRest);
      const orders = Object.entries(moment.entities).filter(([name]) => name.startsWith("order "));
      if (isRest) ends.add(orders.map(([, { state }]) => (state as unknown as Order).state).join(" "));
    },
    mutant,
  );
  return { moments, ends: [...ends].toSorted() };
}

const one = [place("o1", "a", "b")];
const rivals = [place("o1", "a"), place("o2", "a")];
const early = { entity: "stock", id: "a", command: "confirm", input: { order: "o1" } };
const ofRivals = ["cancelled cancelled", "cancelled done", "done cancelled"];

describe("no interleaving loses or doubles a reservation: all of them", () => {
  const cases: readonly (readonly [string, Moment, number, readonly string[]])[] = [
    ["of one order at two stocks", begin(one, 1), 400, ["cancelled", "done"]],
    ["where a message comes twice, at any time", begin(one, 1, { duplicates: 1 }), 8_000, ["cancelled", "done"]],
    ["where a report is given up on", begin(one, 1, { losses: 1 }), 1_000, ["cancelled", "cancelling", "done"]],
    ["of two orders for the last one", begin(rivals, 1), 3_000, ofRivals],
    ["where others confirm out of turn", begin([place("o1", "a"), early, early], 1), 200, ["cancelled", "done"]],
  ];
  // Half a minute.
  const long: typeof cases = [
    ["of an order and a rival at one of its stocks", begin([...one, place("o2", "a")], 1), 50_000, ofRivals],
  ];
  test.each([...cases, ...(process.env["HOLDFAST_VERIFY"] ? long : [])])(
    "%s",
    { timeout: 300_000 },
    (_of, first, momentsMin, expected) => {
      const { moments, ends } = endsOf(first);
      expect(moments).toBeGreaterThan(momentsMin);
      expect(ends).toEqual(expected);
    },
  );

  /** As the stock's code has them. */
  type Makers = { readonly [type: string]: (data: object) => NewEvent };
  const always =
    (type: string): Mutant[string] =>
    (_state, input, { events }) =>
      (events as Makers)[type]?.(input as object) ?? [];
  const keepsConfirmed: Mutant[string] = (state, input, { events }) => {
    const { order: id } = input as { readonly order: string };
    const isConfirmed = (state as Stock).reservations.some((found) => found.order === id && !found.timer);
    return isConfirmed ? [] : ((events as Makers)["cancelled"]?.({ order: id }) ?? []);
  };

  test.each([
    ["that keeps what was confirmed", { "stock.cancel": keepsConfirmed }, "is cancelling and has 1"],
    ["that confirms what has expired", { "stock.confirm": always("confirmed") }, "more reservations than it has"],
  ])("and a stock %s is found", (_that, mutant, message) => {
    expect(() => [one, rivals].map((messages) => endsOf(begin(messages, 1), mutant))).toThrow(message);
  });
});

describe("an order", () => {
  const clerk: Principal = { kind: "user", id: "clerk", tenant: "default", claims: {} };
  /** Nobody reports but the test where it says so. */
  const start = (subscriptions = app.subscriptions) => createTestApp({ ...app, subscriptions });
  type Run = ReturnType<typeof start>;
  async function ofStocks(run: Run, id: string) {
    const { view } = await run.view({ entity: "stock", id, principal: clerk });
    // Of a stock, it is one.
    const { reservations } = view as unknown as Stock;
    // Of two orders at once either may be the first.
    return reservations.map(({ order: by, timer }) => `${by} ${timer ? "reserved" : "confirmed"}`).toSorted();
  }
  async function stateOf(run: Run, id: string) {
    await run.delivered();
    const { view } = await run.view({ entity: "order", id, principal: clerk });
    // Of an order, it is one.
    return (view as unknown as Order).state;
  }

  test("has one of each of its stocks, or none where one has none left", async () => {
    const run = start();
    await run.call(order, "o1").placed({ stocks: ["a", "b"] });
    await run.call(order, "o2").placed({ stocks: ["a"] });
    expect([await stateOf(run, "o1"), await stateOf(run, "o2")]).toEqual(["done", "done"]);
    await run.call(order, "o3").placed({ stocks: ["b", "a"] });
    expect(await stateOf(run, "o3")).toBe("cancelled");
    expect(await ofStocks(run, "a")).toEqual(["o1 confirmed", "o2 confirmed"]);
    expect(await ofStocks(run, "b")).toEqual(["o1 confirmed"]);
  });

  test("whose confirmation comes after the time-out is refused, and the rest is cancelled", async () => {
    const run = start(new Map());
    await run.call(order, "o1").placed({ stocks: ["a", "b"] });
    await run.delivered();
    expect([await ofStocks(run, "a"), await ofStocks(run, "b")]).toEqual([["o1 reserved"], ["o1 reserved"]]);
    // b hears in time, a too late.
    await run.call(stock, "b").confirm({ order: "o1" });
    await run.clock.advance(61_000);
    for (const one of ["a", "b"]) await run.call(order, "o1").reserved({ stock: one });
    expect(await stateOf(run, "o1")).toBe("confirming");
    expect([await ofStocks(run, "a"), await ofStocks(run, "b")]).toEqual([[], ["o1 confirmed"]]);
    await run.call(order, "o1").lost({ stock: "a" });
    for (const one of ["a", "b"]) await run.call(order, "o1").cancelled({ stock: one });
    expect(await stateOf(run, "o1")).toBe("cancelled");
    expect([await ofStocks(run, "a"), await ofStocks(run, "b")]).toEqual([[], []]);
  });

  test("counts each report once, and none of a stock that is not its own", async () => {
    const run = start(new Map());
    await run.call(order, "o1").placed({ stocks: ["a", "b"] });
    for (const one of ["a", "a", "c"]) await run.call(order, "o1").reserved({ stock: one });
    expect(await stateOf(run, "o1")).toBe("reserving");
    expect(await run.call(order, "o1").lost({ stock: "c" })).toMatchObject({ ok: false, code: "guard-refused" });
    await run.call(order, "o1").reserved({ stock: "b" });
    expect(await stateOf(run, "o1")).toBe("confirming");
  });
});
