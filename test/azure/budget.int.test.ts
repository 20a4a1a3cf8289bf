import { createSystem, formatKey, holdfast, on, silentLogger } from "holdfast";
import { createMarkedTablesJournal, createTablesFailures, createTablesPlaces } from "holdfast/azure/tables";
import { describe, expect, onTestFinished, test } from "vitest";
import { createInstance, type Instance } from "../../src/azure/functions/instance.ts";
import { account } from "../core/fixtures.ts";
import { deploy } from "./service-bus/fixtures.ts";
import { freshTable, useTables } from "./tables/fixtures.ts";

const tables = useTables();

const h = holdfast();
const told: string[] = [];
const app = h.app({
  entities: [account],
  subscriptions: [
    h.subscription("statement", {
      to: [on(account.events.deposited)],
      handle: ({ subject }) => void told.push(subject),
    }),
  ],
});
const subscription = "subscription:statement";

const coverMs = 30_000;
const dueMs = 90_000;

/** Both services, with a clock that stands still, and what is sent to them. */
async function opened() {
  const table = freshTable(tables);
  const watched = table.client();
  await table.make();
  const deployed = await deploy(app);
  const { broker, bus, now, drain } = deployed;
  onTestFinished(async () => {
    await deployed.close();
    await table.close();
  });
  const system = { ...createSystem({ log: silentLogger }), now };
  const ports = { client: watched.client, system };

  /** An instance that has seen nothing yet. */
  function instance(): Instance {
    return createInstance(
      app,
      {
        journal: createMarkedTablesJournal(ports),
        failures: createTablesFailures(ports),
        places: createTablesPlaces(ports),
        bus,
      },
      { system },
    );
  }

  /** What the work has sent, all that follows from it in that instance included: requests to the table, and counts of the broker. */
  async function measure({ publisher }: Instance, work: () => Promise<unknown>) {
    watched.sent.length = 0;
    broker.resetOperations();
    await work();
    await publisher.idle();
    const { message = 0, send = 0, receive = 0, settle = 0 } = broker.operations();
    return { table: watched.sent.slice(), message, send, receive, settle };
  }

  /** Has the function of that consumer handle all that waits for it. */
  async function handle(consumer: string, one: Instance): Promise<void> {
    const messages = await drain(consumer);
    const queue = one.queues.get(consumer);
    if (!queue) throw new Error(`the app has ${consumer}`);
    const outcomes = await one.receive(consumer, messages, queue, now() + 600_000);
    expect(outcomes).toEqual(messages.map(() => ({ kind: "done" })));
  }

  return {
    instance,
    measure,
    handle,
    advance: deployed.advance,
    now,
    /** Those that wait for their time. */
    wakeUps: () => broker.messages("wakeups").filter(({ state }) => state === "scheduled").length,
    deposit: async ({ runtime }: Instance, id: string, key?: string) => {
      const call = runtime.call(account, id, key === undefined ? {} : { key });
      expect(await call.deposit({ amount: 1 })).toMatchObject({ ok: true });
    },
  };
}

const nothing = { table: [], message: 0, send: 0, receive: 0, settle: 0 };

describe("the operation budget of the whole stack, counted below the SDKs", () => {
  test("an accepted command on a covered entity is one insert and one message, and reads nothing", async () => {
    const { instance, measure, deposit } = await opened();
    const a = instance();
    await deposit(a, "x");
    await a.publisher.idle();
    expect(await measure(a, () => deposit(a, "x"))).toEqual({ ...nothing, table: ["insert"], message: 1, send: 1 });
  });

  test("commands to many entities at once are an insert and a message each, in no more sends than that", async () => {
    const { instance, measure, deposit } = await opened();
    const a = instance();
    const ids = Array.from({ length: 20 }, (_, i) => `x${i}`);
    const all = () => Promise.all(ids.map((id) => deposit(a, id)));
    await all();
    await a.publisher.idle();
    const { table, message, send } = await measure(a, all);
    expect(table).toEqual(ids.map(() => "insert"));
    expect(message).toBe(ids.length);
    expect(send).toBeLessThanOrEqual(ids.length);
  });

  test("commands that wait for the same entity share an insert, and each event is a message", async () => {
    const { instance, measure, deposit } = await opened();
    const a = instance();
    await deposit(a, "x");
    await a.publisher.idle();
    const all = () => Promise.all(Array.from({ length: 20 }, () => deposit(a, "x")));
    const { table, message } = await measure(a, all);
    expect(message).toBe(20);
    // The first goes at once, or with all others.
    expect(table.length).toBeLessThanOrEqual(2);
  });

  test("there is one wake-up for each entity, instance and 30 seconds, however many commands there are", async () => {
    const { instance, deposit, advance, wakeUps } = await opened();
    const [a, b] = [instance(), instance()];
    for (let i = 0; i < 10; i++) {
      await deposit(a, "x");
      await advance(coverMs / 10 - 1);
    }
    expect(wakeUps()).toBe(1);
    await deposit(a, "y");
    expect(wakeUps()).toBe(2);
    await deposit(b, "x");
    expect(wakeUps()).toBe(3);
    await advance(coverMs);
    await deposit(a, "x");
    await deposit(a, "x");
    expect(wakeUps()).toBe(4);
    await Promise.all([a.publisher.idle(), b.publisher.idle()]);
  });

  test("a cold command is one query more, and its wake-up; with an opaque key another query", async () => {
    const { instance, measure, handle, deposit, advance, now } = await opened();
    const a = instance();
    for (let i = 0; i < 105; i++) await deposit(a, "x", `k${i}`);
    await a.publisher.idle();
    const settled = async () => {
      await advance(2 * dueMs);
      await handle("wakeups", a);
    };
    await settled();
    const [b, c] = [instance(), instance()];
    const own = await measure(b, () => deposit(b, "x", formatKey(now() + 1, "fresh")));
    expect(own).toEqual({ ...nothing, table: ["query", "insert"], message: 2, send: 2 });
    await settled();
    const opaque = await measure(c, () => deposit(c, "x", "opaque"));
    expect(opaque).toEqual({ ...nothing, table: ["query", "query", "insert"], message: 2, send: 2 });
  });

  test("a replayed duplicate, a rejection and a view write nothing and tell the broker nothing", async () => {
    const { instance, measure, deposit } = await opened();
    const a = instance();
    await deposit(a, "x", "k");
    await a.publisher.idle();
    expect(await measure(a, () => deposit(a, "x", "k"))).toEqual({ ...nothing, table: ["get"] });
    const withdraw = () => a.runtime.call(account, "x").withdraw({ amount: 1_000 });
    expect(await measure(a, withdraw)).toEqual({ ...nothing, table: ["query"] });
  });

  test("a lone command pays its wake-up in full: it is sent, received and settled, and its event is sent twice", async () => {
    const { instance, measure, handle, deposit, advance, now, wakeUps } = await opened();
    const [a, b] = [instance(), instance()];
    const command = await measure(a, () => deposit(a, "x", formatKey(now(), "fresh")));
    expect(command).toEqual({ ...nothing, table: ["query", "insert"], message: 2, send: 2 });
    await advance(dueMs);
    const wakeUp = await measure(b, () => handle("wakeups", b));
    // How far it is published, what is not, and the mark: read, since nobody knows it, and written.
    const table = ["query", "query", "get", "insert"];
    expect(wakeUp).toEqual({ table, message: 1, send: 1, receive: 1, settle: 1 });
    expect(wakeUps()).toBe(0);
    told.length = 0;
    const delivery = await measure(b, () => handle(subscription, b));
    expect(delivery).toEqual({ ...nothing, table: ["get"], receive: 1, settle: 1 });
    expect(told).toEqual(["x"]);
  });

  test("the wake-up of a busy entity sends its last event again and no other", async () => {
    const { instance, measure, handle, deposit, advance } = await opened();
    const a = instance();
    for (let i = 0; i < 20; i++) {
      await deposit(a, "x");
      await a.publisher.idle();
    }
    await advance(dueMs);
    const b = instance();
    expect(await measure(b, () => handle("wakeups", b))).toMatchObject({ message: 1, receive: 1, settle: 1 });
  });

  test("what is idle sends nothing, for as long as it is", async () => {
    const { instance, measure, handle, deposit, advance, wakeUps } = await opened();
    const a = instance();
    await deposit(a, "x");
    await a.publisher.idle();
    await advance(dueMs);
    await handle("wakeups", a);
    expect(wakeUps()).toBe(0);
    expect(await measure(a, () => advance(7 * 24 * 3_600_000))).toEqual(nothing);
  });
});
