import { createRuntime, createSystem, type Journal, systemPrincipal } from "holdfast";
import { beforeEach, expect, test, vi } from "vitest";
import shop from "../../examples/shop/app.ts";
import { cart } from "../../examples/shop/cart.ts";
import { order } from "../../examples/shop/order.ts";
import { consumersOf } from "../../src/core/broker/groups.ts";
import type { FailureStore } from "../../src/core/broker/failures.ts";
import type { Message } from "../../src/core/broker/receive.ts";
import { runCli, type Ran } from "./run-cli.ts";

/** The shop, deployed, with what {@link fill} stores. */
export interface Deployment {
  /** By which the commands find it. */
  readonly env: NodeJS.ProcessEnv;
  /** When the younger half of the orders was opened, epoch milliseconds. */
  readonly recent: number;
  readonly letters: FailureStore;
  /** Takes all that a consumer's queue holds. */
  drain(consumer: string): Promise<readonly Message[]>;
  /** The options of `backfill`: where it was never done, where it was, and where it was done for another queue of that name. */
  readonly backfill: {
    readonly first: readonly string[];
    readonly again: readonly string[];
    away(): Promise<readonly string[]>;
  };
}

export const app: readonly string[] = ["--app", "examples/shop/app.ts"];
export const dayMs = 86_400_000;
const items = [{ productId: "A-1", name: "Anchor", quantity: 1 }];
const failures = { attempts: 3, since: Date.UTC(2026, 0, 1) };
const secret = { code: "TypeError", message: "It failed for Ada.", stack: "TypeError: Ada\n    at here" };

const never = (): never => {
  throw new Error("nobody pays here");
};

/** Stores four orders, half of them 20 days old, and carts; answers when the younger ones were opened. */
export async function fill(journal: Journal): Promise<number> {
  const recent = Date.now() - 1_000;
  for (const [when, ids] of [
    [recent - 20 * dayMs, ["o1", "o2"]],
    [recent, ["o3", "o4"]],
  ] as const) {
    const system = { ...createSystem(), now: () => when };
    const services = { gateway: { charge: never, refund: never }, paymentMs: dayMs };
    const runtime = createRuntime(shop, { journal, system, services });
    for (const id of ids) await runtime.call(order, id).open({ country: "AT", items });
    await runtime.call(order, ids[1]).pay({ receipt: "r" });
    const add = { entity: "cart", id: `c-${ids[0]}`, command: "addItem", input: items[0] } as const;
    await runtime.execute({ ...add, key: "k", principal: { ...systemPrincipal, kind: "user", id: "ada" } });
    await runtime.call(cart, `c-${ids[0]}`).checkout({ country: "AT" });
    await runtime.close();
  }
  return recent;
}

/** Flags by which Node does not find a package. */
export function without(name: string): readonly string[] {
  const hook = `import { registerHooks } from "node:module";
    registerHooks({ resolve(specifier, context, next) {
      if (specifier !== "${name}") return next(specifier, context);
      const text = "Cannot find package '${name}' imported from here";
      throw Object.assign(new Error(text), { code: "ERR_MODULE_NOT_FOUND" });
    } });`;
  return ["--import", `data:text/javascript,${encodeURIComponent(hook)}`];
}

/** What the commands do on every target whose broker holds what waits. To be called once in a `describe`. */
export function testBrokerCommands(world: () => Deployment): void {
  const holdfast = (...args: readonly string[]): Promise<Ran> => runCli(args, { env: world().env });
  const drained = async (consumer: string) =>
    (await world().drain(consumer)).map(({ body }) => JSON.parse(body) as object);

  // The emulators' clock is a fake one for others; the commands have the real one.
  beforeEach(async () => {
    vi.useRealTimers();
    for (const consumer of consumersOf(shop)) await world().drain(consumer);
  });

  test("list, events and export read the table", async () => {
    expect(await holdfast("list", "order")).toEqual({ code: 0, stdout: "o1\no2\no3\no4\n", stderr: "" });
    expect((await holdfast("list", "order", "--limit", "2", "--after", "o1")).stdout).toBe("o2\no3\n");
    const { stdout } = await holdfast("events", "order", "o2");
    expect(stdout).toMatch(
      /1 .* open by system\n.*v1 opened .*\n.*timer payment at .*\n.* 2 .* pay by system\n.*v2 paid/,
    );
    expect(await holdfast("events", "ordre", "o2")).toEqual({
      code: 1,
      stdout: "",
      stderr: 'Nothing is stored of ordre "o2".\n',
    });
    const exported = await holdfast("export", "--entity", "order", "--tenant", "default");
    expect(exported.stderr).toBe("6 events exported.\n");
    const events = exported.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { subject: string; type: string });
    expect(events.filter(({ subject }) => subject === "o4").map(({ type }) => type)).toEqual([
      "order.opened",
      "order.paid",
    ]);
    expect((await holdfast("export")).stderr).toBe("10 events exported.\n");
  });

  test("replay fills the one queue, with what the filter wants and is young enough", async () => {
    const done = await holdfast("replay", "--subscription", "bookkeeping", ...app);
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toBe(
      '3 events are in the queue of subscription "bookkeeping", whose function handles them.\n' +
        "3 are so old that their effects may be forgotten; they were not handled. --again does it.\n",
    );
    const bodies = await drained("subscription:bookkeeping");
    expect(bodies.filter((body) => JSON.stringify(body).includes('"o4"'))).toEqual([
      { source: "/default/order", subject: "o4", record: "1/1" },
      { source: "/default/order", subject: "o4", record: "2/1" },
    ]);
    expect(bodies).toHaveLength(3);
    for (const consumer of ["subscription:payment", "subscription:fulfilment", "sends", "timers"]) {
      expect(await drained(consumer), consumer).toEqual([]);
    }
  });

  test("replay --again sends all of them with new keys, and --since and --entity fewer", async () => {
    const all = await holdfast("replay", "--subscription", "fulfilment", "--again", ...app);
    expect(all.stdout).toMatch(/^2 events are in the queue/);
    const bodies = await drained("subscription:fulfilment");
    const [{ again = "" } = {}] = bodies as { again?: string }[];
    expect(again).toMatch(/^[0-9a-v]{20}$/);
    expect(bodies).toEqual(
      expect.arrayContaining(
        ["o2", "o4"].map((subject) => ({ source: "/default/order", subject, record: "2/1", again })),
      ),
    );
    const since = new Date(world().recent - dayMs).toISOString();
    const some = await holdfast("replay", "--subscription", "payment", "--again", "--since", since, ...app);
    expect(some.stdout).toMatch(/^2 events are in the queue/);
    expect((await drained("subscription:payment")).length).toBe(2);
    const none = await holdfast("replay", "--subscription", "payment", "--entity", "cart", ...app);
    expect(none.stdout).toMatch(/^0 events are in the queue/);
  });

  test("replay refuses a subscription that the app does not have", async () => {
    expect(await holdfast("replay", "--subscription", "payments", ...app)).toMatchObject({
      code: 2,
      stderr: 'The app has no subscription "payments". It has bookkeeping, fulfilment, payment.\n',
    });
  });

  test("relay publishes what was committed since, once however often it runs", async () => {
    const since = ["--since", new Date(world().recent - dayMs).toISOString()];
    for (const _ of [1, 2]) {
      expect(await holdfast("relay", ...since, ...app)).toEqual({
        code: 0,
        // Two orders, one of which is paid, and a cart of two events that opens its order; two timers, one of them cancelled.
        stdout: "5 records were relayed: 5 events, 3 messages.\n",
        stderr: "",
      });
    }
    const bodies = (await drained("subscription:bookkeeping")) as { type: string; subject: string }[];
    expect(bodies.map(({ type, subject }) => `${subject} ${type}`).toSorted()).toEqual([
      "o3 order.opened",
      "o4 order.opened",
      "o4 order.paid",
    ]);
    expect(await drained("subscription:payment")).toHaveLength(2);
    expect(await drained("sends")).toEqual([{ source: "/default/cart", subject: "c-o3", record: "2/1" }]);
  });

  test("backfill has subscriptions that begin at the beginning told of each stream with older events, once", async () => {
    const { first, again, away } = world().backfill;
    expect(await holdfast("backfill", ...first, ...app)).toEqual({
      code: 0,
      stdout: 'Subscription "bookkeeping" handles what is older of 4 streams.\n',
      stderr: "",
    });
    const bodies = (await drained("subscription:bookkeeping")) as { subject: string }[];
    expect(bodies.toSorted((a, b) => a.subject.localeCompare(b.subject))).toEqual(
      [1, 2, 1, 2].map((sequence, i) => ({
        source: "/default/order",
        subject: `o${i + 1}`,
        record: `${sequence}/1`,
        catchUp: true,
      })),
    );
    for (const consumer of ["subscription:payment", "sends"]) expect(await drained(consumer)).toEqual([]);
    const done = await holdfast("backfill", ...again, ...app);
    expect(done).toMatchObject({ code: 0, stderr: "" });
    expect(done.stdout).toMatch(/^Subscription "bookkeeping" was backfilled by 2\d{3}-[\dT:.-]+Z\.\n$/);
    expect(await drained("subscription:bookkeeping")).toEqual([]);
    // Its queue is younger than that: it was away, and is another one.
    expect((await holdfast("backfill", ...(await away()), ...app)).stdout).toMatch(
      /handles what is older of 4 streams\.\n$/,
    );
  });

  test("send puts messages into a worker's queue, with their ids and attributes", async () => {
    const one = await holdfast("send", "imports", '{"id":"A-2"}', "--id", "row-8", "--attribute", "sheet=spring");
    expect(one).toEqual({ code: 0, stdout: "row-8\n", stderr: "" });
    const [message] = await world().drain("queue:imports");
    expect(message).toMatchObject({ body: '{"id":"A-2"}', attributes: { sheet: "spring", messageid: "row-8" } });
    const many = Array.from({ length: 25 }, (_, i) => `{"id":"A-${i}"}`).join("\n");
    const sent = await runCli(["send", "imports", "--lines"], { env: world().env, input: many });
    const received = await world().drain("queue:imports");
    expect(received.map(({ attributes }) => attributes["messageid"]).toSorted()).toEqual(
      sent.stdout.trim().split("\n").toSorted(),
    );
    expect(received).toHaveLength(25);
  });

  test("send to a queue that is not there says so of each message", async () => {
    const { code, stdout, stderr } = await holdfast("send", "import", "{}", "--id", "m1");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("The message (m1) may not be there: ");
    expect(stderr).toContain("queue-import");
  });

  test("dead-letters shows, redrives and drops what lies in the table", async () => {
    const about = { stream: { tenant: "default", entity: "order", id: "o2" }, created: failures.since, failures };
    const reason = { code: "bad", message: "It is bad." };
    const posted = { name: "row-7", body: '{"id":1}', attributes: '{"sheet":"spring"}' };
    await world().letters.bury({ ...about, consumer: "subscription:fulfilment", sequence: 2, n: 1, reason });
    await world().letters.bury({ ...about, consumer: "timers", name: "payment", reason });
    await world().letters.bury({ ...about, consumer: "relay", sequence: 1, n: 1, reason });
    await world().letters.bury({ consumer: "queue:imports", ...posted, created: failures.since, failures, reason });
    const { stdout } = await holdfast("dead-letters", "list");
    for (const line of [
      '  subscription:fulfilment  order "o2" v2 paid',
      '  timers  order "o2" timer payment',
      '  relay  order "o2" record 1',
      "  queue:imports  message row-7",
    ]) {
      expect(stdout).toContain(`${line}\n      bad after 3 attempts: It is bad.\n`);
    }
    const [, id = ""] =
      /^(\d+) .* relay /m.exec((await holdfast("dead-letters", "list", "--relay")).stdout.trim()) ?? [];
    expect((await holdfast("dead-letters", "redrive", id)).stderr).toContain("holdfast relay");
    expect(await holdfast("dead-letters", "redrive", "--all")).toEqual({
      code: 0,
      stdout: "3 dead letters put back.\n",
      stderr: "Records that could not be relayed stay: holdfast relay tries them again.\n",
    });
    expect(await drained("subscription:fulfilment")).toEqual([
      { source: "/default/order", subject: "o2", record: "2/1" },
    ]);
    expect(await drained("timers")).toEqual([{ source: "/default/order", subject: "o2", timer: "payment" }]);
    const [message] = await world().drain("queue:imports");
    expect(message).toMatchObject({ body: '{"id":1}', attributes: { sheet: "spring", messageid: "row-7" } });
    expect((await holdfast("dead-letters", "show", id)).stdout).toContain('message    order "o2" record 1');
    expect((await holdfast("dead-letters", "drop", "--all", "--yes")).stdout).toBe("1 dead letter dropped.\n");
    expect((await holdfast("dead-letters", "list", "--queue", "none")).stderr).toBe("No dead letters.\n");
  });

  test("erase blanks the journal and the reasons of dead letters", async () => {
    const stream = { tenant: "default", entity: "order", id: "o1" };
    const letter = { consumer: "subscription:payment", stream, sequence: 1, n: 1, created: 1, failures };
    await world().letters.bury({ ...letter, reason: secret });
    expect(await holdfast("erase", "order", "o1", ...app)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("This would blank 1 records") as string,
    });
    expect((await world().letters.dead({ limit: 9 }))[0]?.reason).toEqual(secret);
    expect((await holdfast("erase", "order", "o1", "--yes", ...app)).stdout).toBe('order "o1" is erased.\n');
    expect((await world().letters.dead({ limit: 9 })).map(({ reason }) => reason)).toEqual([
      { code: "erased", message: "" },
    ]);
    const { stdout } = await holdfast("events", "order", "o1");
    expect(stdout).toMatch(/1 .* \(erased\)\n.*2 .* erased by cli:/);
    expect((await holdfast("dead-letters", "list")).stdout).toContain('order "o1" (erased)');
  });
}
