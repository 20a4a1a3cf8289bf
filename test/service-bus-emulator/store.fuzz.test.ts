import fc from "fast-check";
import { expect, test } from "vitest";
import { createManualClock } from "../../packages/service-bus-emulator/index.ts";
import { createLane } from "../../packages/service-bus-emulator/store/lane.ts";
import { createLine } from "../../packages/service-bus-emulator/store/line.ts";
import type { Message } from "../../packages/service-bus-emulator/store/message.ts";
import { createQueueWithDeadLetters } from "../../packages/service-bus-emulator/store/queue.ts";
import type { SessionLock } from "../../packages/service-bus-emulator/store/sessions.ts";

test("a line gives the smallest first, whatever comes, goes and comes back", () => {
  const steps = fc.array(fc.tuple(fc.constantFrom("insert", "delete", "take"), fc.nat(40)), { maxLength: 200 });
  fc.assert(
    fc.property(steps, (list) => {
      const line = createLine();
      const model = new Set<number>();
      for (const [step, number] of list) {
        const first = [...model].toSorted((left, right) => left - right)[0];
        expect(line.first()).toBe(first);
        if (step === "insert") {
          line.insert(number);
          model.add(number);
        } else {
          const gone = step === "take" ? first : number;
          if (gone === undefined) continue;
          line.delete(gone);
          model.delete(gone);
        }
        expect(line.size).toBe(model.size);
      }
    }),
  );
});

test("a line of many does not grow with what has gone", () => {
  const line = createLine();
  for (let i = 0; i < 10_000; i++) {
    line.insert(i);
    if (i >= 10) line.delete(i - 10);
    expect(line.first()).toBe(Math.max(0, i - 9));
  }
  expect(line.size).toBe(10);
});

test("who watches a lane takes turns with the others, and is left out while it wants nothing", () => {
  const lane = createLane();
  const taken: string[] = [];
  let resting = "";
  for (const name of ["a", "b", "c"]) {
    lane.watch(() => {
      if (name === resting) return false;
      lane.line.delete(lane.line.first() ?? 0);
      return taken.push(name) > 0;
    });
  }
  const offer = (count: number): string => {
    for (let i = 1; i <= count; i++) lane.line.insert(i);
    lane.wake();
    return taken.splice(0).join("");
  };
  expect(offer(4)).toBe("abca");
  expect(offer(3)).toBe("bca");
  resting = "b";
  expect(offer(4)).toBe("caca");
  resting = "";
  expect(offer(3)).toBe("bca");
});

test("a session that is given back goes to who waits when all its messages are back, in their order", () => {
  const context = { clock: createManualClock(0), newId: () => `id${ids++}`, filtersEvaluated: () => undefined };
  let ids = 0;
  const queue = createQueueWithDeadLetters(context, "q", { requiresSession: true });
  const { sessions } = queue;
  queue.send(
    ["1", "2", "3"].map((messageId) => ({
      messageId,
      sessionId: "a",
      properties: {},
      sizeBytes: 0,
      carrier: undefined,
    })),
  );
  const holder = sessions?.accept("a");
  // Locked again, the first one is the last to be locked.
  const tokens = [1, 2, 3].map(() => queue.take("lock", holder)?.lock?.token ?? "");
  queue.settle(tokens[0] ?? "", { kind: "abandon" });
  expect(queue.take("lock", holder)?.content.messageId).toBe("1");
  const taken: unknown[] = [];
  sessions?.acceptNext((next) => {
    next.lane.watch(() => {
      const message = queue.take("lock", next);
      if (message) taken.push(message.content.messageId);
      return message !== undefined;
    });
    next.lane.wake();
  });
  holder?.release();
  expect(taken).toEqual(["1", "2", "3"]);
  queue.close();
});

const lockDurationMs = 1_000;
const sessionIds = ["a", "b"] as const;

type Step =
  | { readonly kind: "send"; readonly session: 0 | 1 }
  | { readonly kind: "take" | "accept" | "release"; readonly session: 0 | 1 }
  | { readonly kind: "complete" | "abandon" | "defer" | "dead-letter"; readonly pick: number }
  | { readonly kind: "advance"; readonly ms: number };

const session = fc.constantFrom<0 | 1>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("send" as const), session }),
  fc.record({
    kind: fc.constantFrom("take" as const, "take" as const, "accept" as const, "release" as const),
    session,
  }),
  fc.record({
    kind: fc.constantFrom("complete" as const, "abandon" as const, "defer" as const, "dead-letter" as const),
    pick: fc.nat(),
  }),
  fc.record({ kind: fc.constant("advance" as const), ms: fc.nat(1_500) }),
);

/** Does the steps on a queue and checks after each that nothing is lost, doubled or out of order. */
function run(steps: readonly Step[], requiresSession: boolean): void {
  const clock = createManualClock(0);
  let ids = 0;
  const context = { clock, newId: () => `id${++ids}`, filtersEvaluated: () => undefined };
  const queue = createQueueWithDeadLetters(context, "q", { requiresSession, lockDurationMs, maxDeliveryCount: 3 });
  const sent: string[] = [];
  const completed: string[] = [];
  const taken: { readonly token: string; readonly message: Message }[] = [];
  const holders: (SessionLock | undefined)[] = [undefined, undefined];

  function ready(sessionId: string | undefined): Message | undefined {
    return queue
      .messages()
      .find(
        ({ state, lock, content }) => state === "active" && !lock && (!sessionId || content.sessionId === sessionId),
      );
  }

  function take(index: 0 | 1): void {
    const holder = holders[index];
    if (requiresSession && !holder) return;
    const expected = holder?.lost ? undefined : ready(holder?.id);
    const message = queue.take("lock", holder);
    expect(message?.sequence).toBe(expected?.sequence);
    if (message?.lock) taken.push({ token: message.lock.token, message });
  }

  function settle(kind: "complete" | "abandon" | "defer" | "dead-letter", pick: number): void {
    const chosen = taken[pick % Math.max(taken.length, 1)];
    if (!chosen) return;
    const { token, message } = chosen;
    if (message.lock?.token !== token) {
      expect(() => queue.settle(token, { kind })).toThrow("lock");
      return;
    }
    queue.settle(token, { kind });
    if (kind === "complete") completed.push(message.content.messageId);
  }

  for (const current of steps) {
    if (current.kind === "send") {
      const messageId = `m${sent.length}`;
      sent.push(messageId);
      queue.send([
        { messageId, sessionId: sessionIds[current.session], properties: {}, sizeBytes: 0, carrier: undefined },
      ]);
    } else if (current.kind === "take") take(current.session);
    else if (current.kind === "accept") {
      const id = sessionIds[current.session];
      if (queue.sessions && !queue.sessions.holder(id)) holders[current.session] = queue.sessions.accept(id);
    } else if (current.kind === "release") holders[current.session]?.release();
    else if (current.kind === "advance") clock.advance(current.ms);
    else if ("pick" in current) settle(current.kind, current.pick);

    const held = [...queue.messages(), ...(queue.deadLetters?.messages() ?? [])];
    const all = [...held.map(({ content }) => content.messageId), ...completed];
    expect(all.toSorted()).toEqual(sent.toSorted());
    for (const { lock, deliveryCount } of queue.messages()) {
      expect(deliveryCount).toBeLessThan(3);
      if (lock) expect(lock.untilMs).toBeGreaterThan(clock.now());
    }
  }
  queue.close();
}

test("whatever is done to a queue, each message is in one place, and the oldest free one is next", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => run(steps, false)),
    { numRuns: 500 },
  );
});

test("whatever is done to sessions, each message is in one place, and the oldest free one of the session is next", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => run(steps, true)),
    { numRuns: 500 },
  );
});
