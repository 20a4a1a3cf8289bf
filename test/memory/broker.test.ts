import { createMemoryBroker } from "holdfast/memory";
import { expect, test } from "vitest";

const stream = { tenant: "default", entity: "cart", id: "u1" };

async function setUp() {
  let now = 0;
  const broker = createMemoryBroker(() => now);
  const parcels = ["1", "2", "3"].map((id) => ({ id, stream, body: id }));
  await broker.send("sends", parcels);
  const receive = (limit: number) => broker.receive("sends", { now, limit, hideMs: 100 });
  return { broker, receive, goOn: (ms: number) => void (now += ms), at: () => now };
}

test("of a group nothing is handed out while one of it is hidden", async () => {
  const { broker, receive, goOn, at } = await setUp();
  const [first, second] = receive(2);
  expect(receive(1)).toEqual([]);
  if (!first || !second) throw new Error("There are three.");
  broker.settle("sends", first, { kind: "again", delayMs: 0 }, at());
  expect(receive(3)).toEqual([]);
  expect(broker.nextAt("sends", at())).toBe(100);
  broker.settle("sends", second, { kind: "again", delayMs: 50 }, at());
  expect(broker.nextAt("sends", at())).toBe(50);
  goOn(50);
  expect(receive(3).map(({ body, receives }) => [body, receives])).toEqual([
    ["1", 2],
    ["2", 2],
    ["3", 1],
  ]);
});

test("what is said of a message that was handed out once more since counts for nothing", async () => {
  const { broker, receive, goOn, at } = await setUp();
  const [before] = receive(1);
  goOn(100);
  const [since] = receive(1);
  if (!before || !since) throw new Error("It is handed out twice.");
  broker.settle("sends", before, { kind: "done" }, at());
  broker.settle("sends", before, { kind: "again", delayMs: 0 }, at());
  expect(broker.waiting("sends").map(({ message, visibleAt }) => [message.body, message.receives, visibleAt])).toEqual([
    ["1", 2, 200],
    ["2", 0, 0],
    ["3", 0, 0],
  ]);
  broker.settle("sends", since, { kind: "done" }, at());
  expect(broker.waiting("sends").map(({ message }) => message.body)).toEqual(["2", "3"]);
});

test("whoever watches is told into which queue something was put", async () => {
  const { broker } = await setUp();
  const told: string[] = [];
  const stop = broker.watch((consumer) => told.push(consumer));
  await broker.send("timers", [
    { id: "a", body: "a" },
    { id: "b", body: "b" },
  ]);
  stop();
  await broker.send("timers", [{ id: "c", body: "c" }]);
  expect(told).toEqual(["timers"]);
});
