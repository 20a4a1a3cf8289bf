import fc from "fast-check";
import { HoldfastError, holdfast, on } from "holdfast";
import { createMemoryFailures, createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";
import type { Bus, Parcel } from "../../../src/core/broker/bus.ts";
import { createMarks } from "../../../src/core/broker/marks.ts";
import { createPublisher } from "../../../src/core/broker/publisher.ts";
import { createRelay } from "../../../src/core/broker/relay.ts";
import { createOutboxJournal, wakeUpsQueue } from "../../../src/core/broker/wake-ups.ts";
import type { StoredRecord, StreamId } from "../../../src/core/journal/port.ts";
import { createMemoryMarks } from "../../../src/memory/marks.ts";
import { runs } from "../fuzz.ts";

const h = holdfast();
const cart = h
  .entity("cart", {
    initial: () => ({}),
    events: { added: z.object({}) },
    evolve: { added: (state) => state },
  })
  .command("add", { decide: (_, _input, { events }) => events.added({}) });
const app = h.app({
  entities: [cart],
  subscriptions: [h.subscription("all", { to: [on(cart.events.added)], handle: () => {} })],
});
const stream: StreamId = { tenant: "default", entity: "cart", id: "a" };

function recordOf(sequence: number): StoredRecord {
  const id = `e${sequence}`;
  const entries = JSON.stringify([{ id, command: "add", events: [{ type: "added", data: {} }] }]);
  const previous = sequence === 1 ? "" : `e${sequence - 1}`;
  return { sequence, id, previous, time: sequence, version: sequence, entries };
}

/** What becomes of one request to the broker: how long it is on its way there and back, and whether it is heard of. */
const fate = fc.record({
  thereMs: fc.integer({ min: 0, max: 50 }),
  backMs: fc.integer({ min: 0, max: 50 }),
  what: fc.constantFrom("taken", "taken", "taken", "refused", "lost"),
});

/**
 * One instance appends the next record, some time after the one before. Some never publish what they append, some have not
 * loaded the stream.
 */
const step = fc.record({
  instance: fc.integer({ min: 0, max: 2 }),
  afterMs: fc.integer({ min: 0, max: 60 }),
  stalls: fc.constantFrom(false, false, true),
  loads: fc.constantFrom(true, true, false),
});

test("however many publish at once, of what the topic keeps nothing is missing, and nothing overtakes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.infiniteStream(fate), async (steps, fates) => {
      const system = createVirtualSystem();
      const store = createMemoryMarks(createMemoryJournal());
      const kept: string[] = [];
      const wakeUps: Parcel[] = [];
      let kind = true;
      const sleep = (ms: number): Promise<void> => new Promise((resolve) => void system.after(ms, resolve));
      const bus: Bus = {
        publish: (events) =>
          Promise.all(
            events.map(async ({ id }) => {
              const { thereMs, backMs, what } = kind ? fates.next().value : { thereMs: 0, backMs: 0, what: "taken" };
              await sleep(thereMs);
              if (what !== "refused" && !kept.includes(id)) kept.push(id);
              await sleep(backMs);
              return what === "taken" ? undefined : new HoldfastError("bus-failed", "Who knows.", { retry: "later" });
            }),
          ),
        async send(_consumer, parcels) {
          wakeUps.push(...parcels);
          return parcels.map(() => undefined);
        },
      };
      const instances = [0, 1, 2].map(() => {
        const marks = createMarks();
        const relay = createRelay({ app, bus, journal: store, failures: createMemoryFailures(), system, marks });
        const publisher = createPublisher({ relay, marks, system });
        let stalls = false;
        const publish: typeof publisher.publish = (committed) => {
          if (!stalls) publisher.publish(committed);
        };
        return {
          journal: createOutboxJournal({ journal: store, bus, marks, system, publish }),
          queue: wakeUpsQueue({ journal: store, relay, marks, system }),
          stall: (on: boolean) => void (stalls = on),
        };
      });
      const at = (i: number): (typeof instances)[number] => instances[i] as (typeof instances)[number];

      /** Lets time pass until it is done. */
      async function through<T>(work: Promise<T>): Promise<T> {
        let isOver = false;
        void work.finally(() => (isOver = true)).catch(() => {});
        while (!isOver) await system.clock.advance(5);
        return work;
      }

      for (const [i, { instance, afterMs, stalls, loads }] of steps.entries()) {
        await system.clock.advance(afterMs);
        const { journal, stall } = at(instance);
        stall(stalls);
        if (loads) await through(journal.load(stream));
        await through(journal.append({ stream, record: recordOf(i + 1) }));
      }
      // Some wake up while others are still publishing, or when the broker does not answer.
      await system.clock.advance(90_000);
      for (const wakes of [false, true]) {
        kind = !wakes;
        await Promise.all(
          wakeUps.map(async ({ body }, i) => {
            const task = at(i % 3).queue.read({ id: "m", receives: 1, body, attributes: {}, sent: 0 });
            if (!task) throw new Error("It is for nobody.");
            const stop = new AbortController().signal;
            await through(task.spec.run({ ...task.work, attempt: 1, stop, about: {} })).catch(() => {});
          }),
        );
      }
      expect(kept).toEqual(steps.map((_, i) => `e${i + 1}-1`));
    }),
    runs(300),
  );
});
