import { HoldfastError } from "holdfast";
import { expect, test } from "vitest";
import type { Bus, BusResults } from "../../../src/core/broker/bus.ts";
import { app, check, distant, runWorld, type Standing, type World } from "../delivery/chaos-world.ts";
import { brokerContext } from "./context.ts";

const seeds = process.env["HOLDFAST_VERIFY"] ? 1_500 : 150;

/** A bus whose entries fail one by one, before or after the broker has them; whose instance may die meanwhile. */
function brokenBus(bus: Bus, { random }: World, instance: Standing, isBroken: () => boolean): Bus {
  async function deliver<Item>(items: readonly Item[], one: (item: Item) => Promise<BusResults>): Promise<BusResults> {
    const results: (HoldfastError | undefined)[] = [];
    for (const item of items) {
      for (let turns = isBroken() ? Math.floor(random() * 4) : 0; turns > 0; turns--) await Promise.resolve();
      if (!instance.alive) return new Promise(() => {});
      const fault = isBroken() ? random() : 1;
      const [result] = fault < 0.05 ? [new HoldfastError("refused", "Refused.", { retry: "later" })] : await one(item);
      if (!instance.alive) return new Promise(() => {});
      const lost = new HoldfastError("outcome-unknown", "Lost.", { retry: "later" });
      results.push(fault >= 0.05 && fault < 0.1 ? lost : result);
    }
    return results;
  }
  return {
    publish: (events) => deliver(events, (event) => bus.publish([event])),
    send: (consumer, messages) => deliver(messages, (message) => bus.send(consumer, [message])),
  };
}

async function run(seed: number): Promise<void> {
  const context = brokerContext(100_000);
  const world = await runWorld(seed, ({ world: services, standing, ...options }) =>
    context.start(app, {
      ...options,
      services,
      faults: {
        store: (target) => distant(target, services, standing),
        bus: (bus) => brokenBus(bus, services, standing, () => services.broken),
        loses: () => !standing.alive || (services.broken && services.random() < 0.05),
      },
    }),
  );
  await check({ recordsAfter: context.journal.recordsAfter, dead: context.failures.dead }, world);
  for (const consumer of ["subscription:effects", "sends", "timers"]) {
    expect(context.broker.nextAt(consumer, 0), `${consumer} has nothing left`).toBe(Infinity);
  }
}

test(`${seeds} worlds of a broker in which everything fails: all arrives, in order, with its effect once`, {
  timeout: 600_000,
}, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
});
