import { createRuntime, HoldfastError } from "holdfast";
import { createMemoryBroker, createMemoryJournal, createMemoryPlaces } from "holdfast/memory";
import { expect, test } from "vitest";
import shop from "../../../examples/shop/app.ts";
import { order } from "../../../examples/shop/order.ts";
import { createGateway } from "../../../examples/shop/gateway.ts";
import { backfillInto, beginning } from "../../../src/cli/target/backfill.ts";
import { createVirtualSystem } from "../../../src/testing/virtual-system.ts";

const consumer = "subscription:bookkeeping";

test("a backfill that was interrupted, before a message or after it, is not over; run again it tells of each stream", async () => {
  const system = createVirtualSystem();
  const journal = createMemoryJournal();
  const runtime = createRuntime(shop, { journal, system, services: { gateway: createGateway(), paymentMs: 1_000 } });
  const items = [{ productId: "A-1", name: "Anchor", quantity: 1 }];
  for (const id of ["o1", "o2", "o3"]) await runtime.call(order, id).open({ country: "AT", items });
  const places = createMemoryPlaces();
  const sent: string[] = [];
  const broker = createMemoryBroker(system.now);
  /** Sends so many, and then one that is there, or not, when the process is gone. */
  const run = (sends: number, isThere: boolean) =>
    backfillInto(
      {
        app: shop,
        journal,
        places,
        now: system.now,
        pause: async () => {},
        report: () => {},
        pages: (async function* () {
          for (const record of await journal.recordsAfter(0, 100)) yield [record];
        })(),
        bus: {
          async send(to, parcels) {
            const isLast = sends-- === 0;
            if (!isLast || isThere) {
              sent.push(...parcels.map(({ stream }) => stream?.id ?? ""));
              await broker.send(to, parcels);
            }
            if (isLast) throw new HoldfastError("killed", "The process is gone.");
            return parcels.map(() => undefined);
          },
        },
      },
      beginning(shop, undefined),
    );

  for (let sends = 0; sends < 3; sends++) {
    for (const isThere of [false, true]) {
      await expect(run(sends, isThere)).rejects.toThrow("The process is gone.");
      expect(await places.backfilled(consumer)).toBeUndefined();
    }
  }
  sent.length = 0;
  expect(await run(Infinity, false)).toEqual(new Map([["bookkeeping", 3]]));
  expect(sent).toEqual(["o1", "o2", "o3"]);
  expect(await places.backfilled(consumer)).toBe(system.now() + 300_000);
  // What came more than once is one message.
  const messages = broker.receive(consumer, { now: system.now(), limit: 10, hideMs: 1_000 });
  expect(messages.map(({ group }) => group)).toHaveLength(3);
  await runtime.close();
});
