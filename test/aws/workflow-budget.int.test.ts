import { createSystem, holdfast, silentLogger, systemPrincipal } from "holdfast";
import { createDynamoFailures, createDynamoPlaces } from "holdfast/aws/dynamodb";
import { expect, test } from "vitest";
import type { Committed } from "../../src/core/broker/outbox.ts";
import { queueConsumers } from "../../src/core/broker/queues.ts";
import { createReceiver } from "../../src/core/broker/receive.ts";
import { createRelay } from "../../src/core/broker/relay.ts";
import type { Journal } from "../../src/core/journal/port.ts";
import { createRuntime } from "../../src/core/runtime/runtime.ts";
import { errandOf, name } from "../workflows/budget.ts";
import { describeOnDynamo, freshTable, onTheWire as onTable, useDynamo } from "./dynamodb/fixtures.ts";
import { deploy, useAws } from "./sns-sqs/fixtures.ts";
import { onTheWire } from "./sns-sqs/wire.ts";

const dynamo = useDynamo();
const aws = useAws();

/** The functions of one container that is warm, the services with a clock that stands still, and what is sent to them. */
async function opened() {
  const app = holdfast().app({ entities: [], workflows: [errandOf()] });
  const table = freshTable(dynamo.endpoint);
  const client = table.client();
  const { bus, clients, drain, advance, close } = await deploy(aws(), app);
  const sent = { table: onTable(client), sns: onTheWire(clients.sns), sqs: onTheWire(clients.sqs) };
  const system = createSystem({ log: silentLogger });
  const store = await table.open({ client });
  const committed: Committed[] = [];
  const journal: Journal = {
    ...store,
    async append(request) {
      const result = await store.append(request);
      committed.push({ stream: request.stream, record: request.record });
      return result;
    },
  };
  const ports = { client, table: table.table, system };
  const failures = createDynamoFailures(ports);
  const { relay } = createRelay({ app, bus, journal, failures, system });
  const runtime = createRuntime(app, { journal, system });
  const queues = queueConsumers({ runtime, journal, services: undefined });
  const receive = createReceiver({ bus, failures, places: createDynamoPlaces(ports), journal, system });

  /** What the work has sent, and what the function of the table's stream sends of it. */
  async function measure(work: () => Promise<unknown>) {
    for (const list of Object.values(sent)) list.length = 0;
    await work();
    // As the stream brings them: one at a time, since nothing comes soon behind.
    for (const one of committed.splice(0)) expect(await relay([one], system.now() + 60_000)).toEqual([]);
    return { table: sent.table.slice(), sns: sent.sns.slice(), sqs: sent.sqs.slice() };
  }

  /** Has the function of that consumer handle all that waits for it. */
  async function handle(consumer: string): Promise<void> {
    const messages = await drain(consumer);
    expect(messages.length).toBe(1);
    const queue = queues.get(consumer);
    if (!queue) throw new Error(`the app has no ${consumer}`);
    expect(await receive(consumer, messages, queue, system.now() + 600_000)).toEqual([{ kind: "done" }]);
  }

  const at = { entity: name, id: "e", principal: systemPrincipal };
  return {
    measure,
    handle,
    advance,
    start: () => runtime.execute({ ...at, command: "start", input: {} }),
    view: async () => (await runtime.view(at)).view,
    async close() {
      close();
      await table.close();
    },
  };
}

const driver = `subscription:${name}`;

describeOnDynamo("the operation budget of a workflow, counted on the wire below the SDKs", () => {
  test("three steps and a sleep are seven puts and four messages; whatever goes on reads its stream once", async () => {
    const { measure, handle, advance, start, view, close } = await opened();
    // Cold, it is read.
    expect(await measure(start)).toEqual({ table: ["Query", "PutItem"], sns: ["PublishBatch"], sqs: [] });
    // Two steps, and the sleep, whose timer is the message.
    expect(await measure(() => handle(driver))).toEqual({
      table: ["GetItem", "Query", "PutItem", "PutItem", "PutItem"],
      sns: [],
      sqs: ["SendMessageBatch"],
    });
    expect(await view()).toMatchObject({ status: "running", waiting: [{ kind: "sleep" }] });
    await advance(60_000);
    // What is due is looked up before and behind; that it has woken is a message.
    const woken = await measure(() => handle("timers"));
    expect(woken).toEqual({ table: ["Query", "PutItem", "Query"], sns: ["PublishBatch"], sqs: [] });
    // A step, and the end, which is a message for whoever wants it.
    expect(await measure(() => handle(driver))).toEqual({
      table: ["GetItem", "Query", "PutItem", "PutItem"],
      sns: ["PublishBatch"],
      sqs: [],
    });
    expect(await view()).toMatchObject({ status: "completed", output: 3 });
    await close();
  });
});
