import { createSystem, holdfast, silentLogger, systemPrincipal } from "holdfast";
import { createMarkedTablesJournal, createTablesFailures, createTablesPlaces } from "holdfast/azure/tables";
import { describe, expect, onTestFinished, test } from "vitest";
import { createInstance } from "../../src/azure/functions/instance.ts";
import { errandOf, name } from "../workflows/budget.ts";
import { deploy } from "./service-bus/fixtures.ts";
import { freshTable, useTables } from "./tables/fixtures.ts";

const tables = useTables();

/** The function app of one process that is warm, both services, with a clock that stands still, and what is sent to them. */
async function opened() {
  const app = holdfast().app({ entities: [], workflows: [errandOf()] });
  const table = freshTable(tables);
  const watched = table.client();
  await table.make();
  const { broker, bus, now, drain, advance, close } = await deploy(app);
  onTestFinished(async () => {
    await close();
    await table.close();
  });
  const system = { ...createSystem({ log: silentLogger }), now };
  const ports = { client: watched.client, system };
  const { publisher, queues, receive, runtime } = createInstance(
    app,
    {
      journal: createMarkedTablesJournal(ports),
      failures: createTablesFailures(ports),
      places: createTablesPlaces(ports),
      bus,
    },
    { system },
  );

  /** What the work has sent, all that follows from it included. */
  async function measure(work: () => Promise<unknown>) {
    watched.sent.length = 0;
    broker.resetOperations();
    await work();
    await publisher.idle();
    const { message = 0, receive = 0, settle = 0 } = broker.operations();
    return { table: watched.sent.slice(), message, receive, settle };
  }

  /** Has the function of that consumer handle all that waits for it. */
  async function handle(consumer: string, count: number): Promise<void> {
    const messages = await drain(consumer);
    expect(messages.length).toBe(count);
    const queue = queues.get(consumer);
    if (!queue) throw new Error(`the app has no ${consumer}`);
    const outcomes = await receive(consumer, messages, queue, now() + 600_000);
    expect(outcomes).toEqual(messages.map(() => ({ kind: "done" })));
  }

  const at = { entity: name, id: "e", principal: systemPrincipal };
  return {
    measure,
    handle,
    advance,
    start: () => runtime.execute({ ...at, command: "start", input: {} }),
    view: async () => (await runtime.view(at)).view,
  };
}

const driver = `subscription:${name}`;

const handled = { receive: 1, settle: 1 };

describe("the operation budget of a workflow of three steps and a sleep, counted below the SDKs", () => {
  test("it is seven inserts and four messages; whatever goes on reads its stream once", async () => {
    const { measure, handle, advance, start, view } = await opened();
    // Cold, it is read; its event is one message, and its wake-up.
    expect(await measure(start)).toEqual({ table: ["query", "insert"], message: 2, receive: 0, settle: 0 });
    // Two steps, and the sleep, whose timer is the message.
    const toSleep = await measure(() => handle(driver, 1));
    expect(toSleep).toEqual({ ...handled, table: ["get", "query", "insert", "insert", "insert"], message: 1 });
    expect(await view()).toMatchObject({ status: "running", waiting: [{ kind: "sleep" }] });
    await advance(60_000);
    // What is due is looked up before and behind; that it has woken is a message, and half a minute later a wake-up, too.
    const woken = await measure(() => handle("timers", 1));
    expect(woken).toEqual({ ...handled, table: ["query", "insert", "query"], message: 2 });
    // A step, and the end, which is a message for whoever wants it.
    const toEnd = await measure(() => handle(driver, 1));
    expect(toEnd).toEqual({ ...handled, table: ["get", "query", "insert", "insert"], message: 1 });
    expect(await view()).toMatchObject({ status: "completed", output: 3 });
    // Two wake-ups find nothing left to publish: how far it is, is read, and noted by the first.
    await advance(30_000);
    const nothing = { ...handled, message: 0 };
    expect(await measure(() => handle("wakeups", 1))).toEqual({
      ...nothing,
      table: ["query", "query", "get", "insert"],
    });
    await advance(60_000);
    expect(await measure(() => handle("wakeups", 1))).toEqual({ ...nothing, table: ["query"] });
  });
});
