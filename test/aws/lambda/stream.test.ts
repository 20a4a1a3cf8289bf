import { createRuntime, holdfast, on, type App, type Principal } from "holdfast";
import { createStreamHandler, type StreamEvent, type StreamHandler, type StreamRecord } from "holdfast/aws/lambda";
import { expect, test } from "vitest";
import * as z from "zod";
import type { Publication } from "../../../src/core/broker/bus.ts";
import { HoldfastError } from "../../../src/core/errors.ts";
import { createWorld, lambdaContext, type World, type WorldOptions } from "./fixtures.ts";
import { about, inserted, sequenceNumber } from "./stream-events.ts";

const h = holdfast();
const counter = h
  .entity("counter", {
    initial: () => ({ n: 0 }),
    events: { raised: z.object({ n: z.int() }) },
    evolve: { raised: (_state, { n }) => ({ n }) },
  })
  .command("raise", { decide: ({ n }, _input, { events }) => events.raised({ n: n + 1 }) });
const watcher = h.subscription("watcher", { to: [on(counter.events.raised)], handle: () => {} });
const app: App = h.app({ entities: [counter], subscriptions: [watcher] });
const ann: Principal = { kind: "user", id: "ann", tenant: "default", claims: {} };

interface Fixture extends World {
  readonly published: string[];
  readonly handler: StreamHandler;
  /** Commits to these entities, one after the other; answers what the table's stream has of it. */
  commit(...ids: string[]): Promise<StreamRecord[]>;
  handle(records: readonly StreamRecord[], timeoutMs?: number): Promise<readonly string[]>;
}

/** What is published is `<id>:<n>`; `refuse` says what the broker does not take. */
function fixture(refuse: (name: string) => boolean = () => false, options: WorldOptions = {}): Fixture {
  const published: string[] = [];
  const nameOf = ({ stream, body }: Publication): string =>
    `${stream.id}:${(JSON.parse(body) as { data: { n: number } }).data.n}`;
  const world = createWorld(app, {
    bus: (inner) => ({
      ...inner,
      publish: async (events) =>
        events.map((event) => {
          if (refuse(nameOf(event))) return new HoldfastError("overloaded", "throttled", { retry: "later" });
          published.push(nameOf(event));
          return undefined;
        }),
    }),
    ...options,
  });
  const runtime = createRuntime(app, { journal: world.journal, system: world.system });
  const handler = createStreamHandler(world.container);
  let position = 0;
  return {
    ...world,
    published,
    handler,
    async commit(...ids) {
      for (const id of ids) await runtime.execute({ entity: "counter", id, command: "raise", principal: ann });
      const records = await world.journal.recordsAfter(position, 100);
      const found = records.map((record, i) => inserted(record, position + i));
      position += records.length;
      return found;
    },
    async handle(records, timeoutMs = 30_000) {
      const { batchItemFailures } = await handler({ Records: records }, lambdaContext(world.system, timeoutMs));
      return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
    },
  };
}

test("what was committed is published in each stream's order, and nothing is reported", async () => {
  const { commit, handle, published } = fixture();
  expect(await handle(await commit("a", "b", "a", "a"))).toEqual([]);
  expect(published.filter((name) => name.startsWith("a"))).toEqual(["a:1", "a:2", "a:3"]);
  expect(published).toHaveLength(4);
});

test("the lowest sequence number of all that failed is reported, by its value; other streams go on", async () => {
  const refused = new Set(["a:2", "b:9"]);
  const { commit, handle, published } = fixture((name) => refused.has(name));
  const records = await commit("b", "b", "b", "b", "b", "b", "b", "b", "b", "a", "a", "a", "c");
  // The numbers of a's second and b's ninth have 21 and 20 digits.
  expect(await handle(records)).toEqual([sequenceNumber(8)]);
  expect([sequenceNumber(8).length, sequenceNumber(10).length]).toEqual([20, 21]);
  expect(published).toContain("c:1");
  expect(published).not.toContain("a:3");
  refused.clear();
  expect(await handle(records.slice(8))).toEqual([]);
  expect(published.filter((name) => name.startsWith("a"))).toEqual(["a:1", "a:2", "a:3"]);
  expect(published.filter((name) => name.startsWith("b")).at(-1)).toBe("b:9");
});

test("changes, removals, and items that are no records are nothing to relay", async () => {
  const { commit, handle, published } = fixture();
  const [record] = await commit("a");
  const { dynamodb } = record as StreamRecord;
  const other = (pk: string, sk: string): StreamRecord => ({
    ...about,
    eventName: "INSERT",
    dynamodb: { ...dynamodb, Keys: { pk: { S: pk }, sk: { S: sk } }, NewImage: { deflated: { B: "AAEC" } } },
  });
  const batch = [
    { ...record, eventName: "MODIFY" },
    { ...record, eventName: "REMOVE" },
    other("default/counter/a", "s"),
    other("default/counter/a", "s/x/001"),
    other("default/counter/a", "k0000000000000001/000"),
    other("$dead", "0000000000000001"),
    other("$failures/queue:imports", "row-7"),
  ];
  expect(await handle(batch)).toEqual([]);
  expect(published).toEqual([]);
});

const damaged: readonly (readonly [string, (record: StreamRecord) => StreamRecord, string])[] = [
  ["without an image", (r) => ({ ...r, dynamodb: { ...r.dynamodb, NewImage: undefined } }), "NEW_IMAGE"],
  ["without keys", (r) => ({ ...r, dynamodb: { ...r.dynamodb, Keys: undefined } }), "dynamodb.Keys"],
  [
    "without entries",
    (r) => ({ ...r, dynamodb: { ...r.dynamodb, NewImage: { id: { S: "x" }, previous: { S: "" } } } }),
    "entries",
  ],
  [
    "with entries in binary",
    (r) => ({ ...r, dynamodb: { ...r.dynamodb, NewImage: { ...r.dynamodb?.NewImage, entries: { B: "W10=" } } } }),
    "entries",
  ],
  [
    "with a time that is no number",
    (r) => ({ ...r, dynamodb: { ...r.dynamodb, NewImage: { ...r.dynamodb?.NewImage, time: { S: "now" } } } }),
    "time",
  ],
  [
    "whose partition key is no stream's",
    (r) => ({ ...r, dynamodb: { ...r.dynamodb, Keys: { pk: { S: "a" }, sk: { S: "r0000000000000001" } } } }),
    "<tenant>/<entity>/<id>",
  ],
  [
    "whose sort key has no sequence",
    (r) => ({ ...r, dynamodb: { ...r.dynamodb, Keys: { ...r.dynamodb?.Keys, sk: { S: "r1" } } } }),
    "16 digits",
  ],
  ["of an unknown kind of change", (r) => ({ ...r, eventName: "UPSERT" }), "INSERT"],
];

test.each(damaged)(
  "a record %s is reported at every attempt and logged, not skipped; others go on",
  async (_what, damage, named) => {
    const { commit, handle, published, log } = fixture();
    const [first, second, third] = (await commit("b", "a", "c")) as [StreamRecord, StreamRecord, StreamRecord];
    for (let attempt = 1; attempt <= 2; attempt++) {
      expect(await handle([first, damage(second), third])).toEqual([sequenceNumber(1)]);
    }
    expect(published.toSorted()).toEqual(["b:1", "c:1"]);
    const errors = log.lines.filter(({ level }) => level === "error");
    expect(errors).toHaveLength(2);
    expect(errors[0]?.fields["error"]).toMatchObject({
      code: "malformed-event",
      message: expect.stringContaining(named),
    });
  },
);

test("nothing of a stream goes before its record that cannot be read", async () => {
  const { commit, handle, published } = fixture();
  const [first, second] = (await commit("a", "a")) as [StreamRecord, StreamRecord];
  const broken = { ...first, dynamodb: { ...first.dynamodb, NewImage: {} } };
  expect(await handle([broken, second])).toEqual([sequenceNumber(0)]);
  expect(published).toEqual([]);
});

test.each<[string, unknown, string]>([
  ["nothing", null, "null"],
  ["messages", { Records: [{ eventSource: "aws:sqs", messageId: "1" }] }, "aws:sqs"],
  [
    "a record without a sequence number",
    { Records: [{ ...about, eventName: "INSERT", dynamodb: {} }] },
    "SequenceNumber",
  ],
  [
    "an empty sequence number",
    { Records: [{ ...about, eventName: "INSERT", dynamodb: { SequenceNumber: "" } }] },
    "SequenceNumber",
  ],
])("%s is an error that says what was expected", async (_what, event, named) => {
  const { handler, system } = fixture();
  await expect(handler(event as StreamEvent, lambdaContext(system))).rejects.toMatchObject({
    code: "malformed-event",
    message: expect.stringContaining(named),
  });
});

test("nothing is published with two seconds left; all of it is reported", async () => {
  const { commit, handle, published } = fixture();
  const records = await commit("a", "b");
  expect(await handle(records, 2_000)).toEqual([sequenceNumber(0)]);
  expect(published).toEqual([]);
  expect(await handle(records)).toEqual([]);
});

test("a broker that does not answer is given up before Lambda ends the invocation; the next one waits for what is under way", async () => {
  const calls: string[] = [];
  let answer = (): void => {};
  const { commit, handle, system } = fixture(undefined, {
    bus: (inner) => ({
      ...inner,
      async publish(events) {
        calls.push("begun");
        if (calls.length === 1) await new Promise<void>((resolve) => void (answer = resolve));
        calls.push("done");
        return events.map(() => undefined);
      },
    }),
  });
  const records = await commit("a");
  const first = handle(records);
  await system.clock.advance(29_700);
  expect(await first).toEqual([sequenceNumber(0)]);
  const second = handle(records);
  await system.clock.advance(1);
  expect(calls).toEqual(["begun"]);
  answer();
  expect(await second).toEqual([]);
  // What the first one has brought there after all is known.
  expect(calls).toEqual(["begun", "done"]);
});
