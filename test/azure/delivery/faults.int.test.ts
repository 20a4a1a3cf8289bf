import type { Operation } from "@holdfast/service-bus-emulator";
import { isHoldfastError } from "holdfast";
import { topicName } from "holdfast/azure/service-bus";
import { expect, test, vi } from "vitest";
import { translated } from "../../../src/azure/service-bus/errors.ts";
import { createRelay } from "../../../src/core/broker/relay.ts";
import { counter, minute, newServices, second } from "../../../src/testing/conformance/delivery-app.ts";
import { useTables } from "../tables/fixtures.ts";
import { entityOf } from "./hands.ts";
import { comesToRest, notesOf, recordsOf } from "./looks.ts";
import { app, createWorld, type Node } from "./world.ts";

// The clients' own pauses before they try again are this process's time.
vi.setConfig({ testTimeout: 120_000 });

const tables = useTables();
const subscription = "subscription:diaries";
const busy = { refuse: "com.microsoft:server-busy" } as const;
/** Longer than the topic knows an event. */
const pastWindow = 10 * minute + second;

/** Something that a handler waits for. */
function createGate() {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => void (open = resolve));
  return { opened, open: () => open() };
}

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => "no error",
    (error: unknown) => (isHoldfastError(error) ? error.code : error),
  );

const isTopic = ({ kind, entity }: Operation): boolean => kind === "send" && entity === topicName;
const isWakeUp = ({ kind, entity }: Operation): boolean => kind === "send" && entity === "wakeups";

test.each(["is still at it", "is done"])(
  "the lock of a session is lost while its handler runs: another instance handles it, and when that one %s the first ends, too; effects are once and in order",
  async (when) => {
    const world = await createWorld(tables());
    const [firstGate, secondGate] = [createGate(), createGate()];
    const first = await world.start(newServices((what) => (what === "a#1/1" ? firstGate.opened : undefined)));
    const other = await world.start(newServices((what) => (what === "a#2/1" ? secondGate.opened : undefined)));
    other.consumers.clear();
    await first.runtime.call(counter, "a").addAll([1, 2, 3]);
    await world.pass(0);
    expect([first.held(), first.services.seen]).toEqual([1, ["a#1"]]);

    const goOn = first.standStill();
    first.consumers.clear();
    other.consumers.add(subscription);
    await world.pass(59 * second);
    expect(other.services.seen).toEqual([]);
    await world.pass(2 * second);
    expect([first.held(), other.held(), other.services.seen]).toEqual([1, 1, ["a#1", "a#2"]]);

    if (when === "is done") secondGate.open();
    await world.pass(0);
    goOn();
    firstGate.open();
    await world.pass(2 * second);
    expect([first.held(), first.refusals]).toEqual([0, ["SessionLockLost"]]);
    secondGate.open();
    await world.pass(0);
    expect([other.refusals, other.services.seen]).toEqual([[], ["a#1", "a#2", "a#3"]]);
    expect(new Set(first.services.seen)).toEqual(new Set(["a#1"]));
    first.consumers.add("wakeups");
    await comesToRest(world, other);
    expect(await notesOf(other, "a")).toEqual(["1:1", "2:2", "3:3"]);
  },
);

test("a session that goes from instance to instance and back with each message keeps its order, and loses nothing", async () => {
  const world = await createWorld(tables());
  const nodes = [await world.start(), await world.start()];
  const [one, two] = nodes as [Node, Node];
  for (const node of nodes) {
    node.consumers.clear();
    node.sessionMax = 1;
  }
  await one.runtime.call(counter, "a").addAll([1, 2, 3, 4, 5, 6]);
  for (let i = 0; i < 6; i++) {
    nodes[i % 2]?.consumers.add(subscription);
    const seen = nodes[i % 2]?.services.seen;
    const step = world.pass(0);
    // No other message than this one.
    await vi.waitFor(() => expect(seen).toHaveLength(Math.floor(i / 2) + 1), { timeout: 20_000, interval: 1 });
    nodes[i % 2]?.consumers.clear();
    await step;
  }
  expect([one.services.seen, two.services.seen]).toEqual([
    ["a#1", "a#3", "a#5"],
    ["a#2", "a#4", "a#6"],
  ]);
  one.consumers.add("wakeups");
  await comesToRest(world, one);
  expect(await notesOf(two, "a")).toEqual(["1:1", "2:2", "3:3", "4:4", "5:5", "6:6"]);
});

test.each([
  ["comes in time", 0, ["a#1"]],
  ["comes after the window", pastWindow, ["a#1", "a#1"]],
])(
  "an event whose wake-up %s is sent again; past the window it arrives twice, its effect is once",
  async (_, lateMs, seen) => {
    const world = await createWorld(tables());
    const [node, waking] = [await world.start(), await world.start()];
    node.consumers.delete("wakeups");
    waking.consumers.clear();
    const sent: string[] = [];
    world.faults = (operation) => void (isTopic(operation) && sent.push(...operation.messageIds));
    const sends = (): number => sent.filter((id) => id === sent[0]).length;
    await node.runtime.call(counter, "a").add({ n: 7 });
    await world.pass(lateMs);
    expect([sends(), node.services.seen]).toEqual([1, ["a#1"]]);
    // One that does not know what the first has published.
    waking.consumers.add("wakeups");
    await comesToRest(world, node);
    expect([sends(), node.services.seen]).toEqual([2, seen]);
    expect(await notesOf(node, "a")).toEqual(["1:7"]);
  },
);

test("events that are relayed anew are dropped for ten minutes, then arrive twice, in order, with their effects once", async () => {
  const world = await createWorld(tables());
  const node = await world.start();
  await node.runtime.call(counter, "a").addAll([1, 2]);
  await node.runtime.call(counter, "a").add({ n: 3 });
  await comesToRest(world, node);
  const stream = { tenant: "default", entity: "counter", id: "a" };
  const records = await node.journal.history(stream, { after: 0, limit: 10 });
  const { bus, journal, failures, services } = node;
  /** By whoever knows nothing of what was published. */
  async function relayAgain(): Promise<void> {
    const { relay } = createRelay({ app, bus, journal, failures, system: world.system });
    expect(
      await relay(
        records.map((record) => ({ stream, record })),
        world.system.now() + minute,
      ),
    ).toEqual([]);
  }
  await relayAgain();
  await world.pass(second);
  // The ten minutes were over: it is as if they were new, and known from now on.
  expect(services.seen).toEqual(["a#1", "a#2", "a#3", "a#1", "a#2", "a#3"]);
  await world.pass(9 * minute);
  await relayAgain();
  await world.pass(second);
  expect(services.seen).toHaveLength(6);
  await comesToRest(world, node);
  expect(await notesOf(node, "a")).toEqual(["1:1", "2:2", "3:3"]);
});

test("while the topic is throttled, commands go on whose wake-up is scheduled; others are refused and store nothing; then all is delivered, in order", async () => {
  const world = await createWorld(tables());
  const node = await world.start();
  const add = (id: string, n: number) => node.runtime.call(counter, id, { key: `key-${n}` }).add({ n });
  await add("a", 1);
  await world.pass(second);
  world.faults = (operation) => (isTopic(operation) ? busy : undefined);
  await add("a", 2);
  await add("b", 3);
  await world.pass(second);
  // Now nothing can be sent.
  world.faults = ({ kind }) => (kind === "send" ? busy : undefined);
  await add("a", 4);
  expect(await codeOf(add("c", 5))).toBe("overloaded");
  await world.pass(31 * second);
  expect(await codeOf(add("a", 6))).toBe("overloaded");
  expect([await recordsOf(node, "a"), await recordsOf(node, "c"), node.services.seen]).toEqual([3, 0, ["a#1"]]);

  world.faults = () => undefined;
  await add("c", 5);
  await comesToRest(world, node);
  await add("a", 6);
  await comesToRest(world, node);
  expect(node.services.seen.filter((what) => what.startsWith("a"))).toEqual(["a#1", "a#2", "a#3", "a#4"]);
  expect([await notesOf(node, "a"), await notesOf(node, "b"), await notesOf(node, "c")]).toEqual([
    ["1:1", "2:2", "3:4", "4:6"],
    ["1:3"],
    ["1:5"],
  ]);
});

test.each([
  ["the topic's answer", isTopic, "no error", 1],
  ["the answer to the wake-up", isWakeUp, "bus-failed", 0],
])("%s is lost: nothing is, and nothing is twice", async (_, isIt, code, stored) => {
  const world = await createWorld(tables());
  const node = await world.start();
  const add = () => node.runtime.call(counter, "a", { key: "one" }).add({ n: 1 });
  let lost = 0;
  world.faults = (operation) => (isIt(operation) && lost === 0 && ++lost ? "drop-reply" : undefined);
  const answer = codeOf(add());
  // The wake-up waits for as long as a request may take.
  await world.pass(11 * second);
  expect([await answer, lost, await recordsOf(node, "a")]).toEqual([code, 1, stored]);
  await add();
  await node.runtime.call(counter, "a").add({ n: 2 });
  await comesToRest(world, node);
  expect(node.services.seen).toEqual(["a#1", "a#2"]);
  expect(await notesOf(node, "a")).toEqual(["1:1", "2:2"]);
});

test.each(["before", "after"] as const)(
  "the connection is cut %s a batch is taken, and so is that of its handlers: each event has its effect once, in order",
  async (close) => {
    const world = await createWorld(tables());
    const node = await world.start();
    const ids = Array.from({ length: 20 }, (_, i) => `c${i}`);
    const add = (n: number) => Promise.all(ids.map((id) => node.runtime.call(counter, id).add({ n })));
    await add(1);
    await world.pass(second);
    const cuts: number[] = [];
    let settles = 0;
    world.faults = (operation) => {
      const isBatch =
        isTopic(operation) && operation.messageIds.length > 1 && !cuts.includes(operation.messageIds.length);
      if (isBatch) cuts.push(operation.messageIds.length);
      const isThird = operation.kind === "settle" && operation.entity === entityOf(subscription) && ++settles === 3;
      return isBatch || isThird ? { close } : undefined;
    };
    await add(2);
    await comesToRest(world, node);
    expect([cuts.length > 0, settles >= 20]).toEqual([true, true]);
    for (const id of ids) expect(await notesOf(node, id)).toEqual(["1:1", "2:2"]);
  },
);

test("while Table storage is busy commands are refused, handlers wait uncounted, and wake-ups note how far it is in the end", async () => {
  const world = await createWorld(tables());
  const [node, handling, waking] = [await world.start(), await world.start(), await world.start()];
  node.consumers.clear();
  handling.consumers.delete("wakeups");
  waking.consumers.clear();
  waking.consumers.add("wakeups");
  const refusing = { status: 503, code: "ServerBusy" };
  const refused = { appends: 0, notes: 0, marks: 0 };
  const add = (n: number) => node.runtime.call(counter, "a", { key: `key-${n}` }).add({ n });
  const from = (what: keyof typeof refused, where: string) => (operation: string, _: number, body: string) => {
    if (operation === "get" || operation === "query" || !body.includes(where)) return undefined;
    refused[what]++;
    return refusing;
  };

  await add(1);
  await world.pass(0);
  node.wire.plan = from("appends", "counter");
  expect(await codeOf(add(2))).toBe("overloaded");
  expect(await recordsOf(node, "a")).toBe(1);
  node.wire.plan = () => undefined;
  handling.wire.plan = from("notes", "diary");
  waking.wire.plan = from("marks", "published");
  await add(2);
  await world.pass(4 * minute);
  const stream = { tenant: "default", entity: "counter", id: "a" };
  expect([await notesOf(node, "a"), (await node.journal.unpublished(stream, 10)).published]).toEqual([["1:1"], 1]);
  // More often than a message that fails is tried.
  for (const count of Object.values(refused)) expect(count).toBeGreaterThan(0);
  expect(refused.notes).toBeGreaterThan(9);

  handling.wire.plan = waking.wire.plan = () => undefined;
  await comesToRest(world, node);
  expect(await notesOf(node, "a")).toEqual(["1:1", "2:2"]);
  expect((await node.journal.unpublished(stream, 10)).published).toBe(2);
});

test.each([
  [["ServiceBusy", "ServiceBusy"], "overloaded"],
  [["ServiceTimeout", "ServiceBusy"], "bus-failed"],
  [["ServiceBusy", "MessagingEntityNotFound"], "bus-unavailable"],
])(
  "a send that failed more than once, with %j, is %s: an attempt that may have been taken decides",
  (codes, expected) => {
    const errors = codes.map((code) => Object.assign(new Error(code), { code }));
    expect(translated(new AggregateError(errors), "events").code).toBe(expected);
  },
);
