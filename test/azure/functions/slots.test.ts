import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import { createHandOut } from "../../../src/azure/functions/hand-out.ts";
import type { Outcome, QueueConsumer } from "../../../src/core/broker/receive.ts";

const metadata = (messageId: string): { readonly [name: string]: unknown } => ({ messageId, deliveryCount: 1 });

/** A queue whose handlers end when they are told to. */
function start(concurrency: number) {
  const system = createVirtualSystem();
  const running = new Map<string, (outcome: Outcome) => void>();
  const queue: QueueConsumer = { concurrency, read: () => undefined };
  const handOut = createHandOut(
    "subscription:all",
    queue,
    {
      receive: async (_consumer, messages) =>
        Promise.all(messages.map(({ id }) => new Promise<Outcome>((resolve) => void running.set(id, resolve)))),
      bus: { publish: async () => [], send: async () => [undefined] },
    },
    system,
  );
  const end = async (id: string, outcome: Outcome = { kind: "done" }): Promise<void> => {
    const resolve = running.get(id);
    running.delete(id);
    resolve?.(outcome);
    await system.clock.advance(0);
  };
  const hand = (id: string): Promise<void> => handOut(Buffer.from("{}"), metadata(id));
  return { system, running, hand, end };
}

test("so many messages are handled at once as the app says; the others wait, in their order", async () => {
  const { system, running, hand, end } = start(2);
  const all = ["a", "b", "c", "d"].map(hand);
  await system.clock.advance(0);
  expect([...running.keys()]).toEqual(["a", "b"]);
  await end("b");
  expect([...running.keys()]).toEqual(["a", "c"]);
  await end("a");
  await end("c");
  await end("d");
  await Promise.all(all);
});

test("a message that waits for its next attempt takes nobody's room", async () => {
  const { system, running, hand, end } = start(1);
  const all = ["a", "b"].map(hand);
  await system.clock.advance(0);
  await end("a", { kind: "again", delayMs: 60_000 });
  expect([...running.keys()]).toEqual(["b"]);
  await end("b");
  await system.clock.advance(60_000);
  expect([...running.keys()]).toEqual(["a"]);
  await end("a");
  await Promise.all(all);
});

test("a message that finds no room for five minutes goes back, and takes none", async () => {
  const { system, running, hand, end } = start(1);
  const [a, b, c] = ["a", "b", "c"].map(hand);
  const returned = expect(b).rejects.toMatchObject({ code: "message-returned", retry: "later" });
  const alsoReturned = expect(c).rejects.toMatchObject({ code: "message-returned" });
  await system.clock.advance(300_000);
  await end("a");
  await Promise.all([a, returned, alsoReturned]);
  expect(running.size).toBe(0);
});
