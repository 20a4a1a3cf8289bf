import { HoldfastError } from "holdfast";
import { expect, test } from "vitest";
import type { BusResults } from "../../../src/core/broker/bus.ts";
import {
  counter,
  dead,
  hour,
  minute,
  newServices,
  notesAre,
  noting,
  pass,
  second,
  type Run,
} from "../../../src/testing/conformance/delivery-app.ts";
import { useTables } from "../tables/fixtures.ts";
import { azureContext, type Between } from "./context.ts";

const tables = useTables();
const start0 = 1_767_225_600_000;

/** The n-th write of an instance that dies at it: to the journal, to the topic, or to a queue. */
interface Death {
  readonly at: number;
  readonly when: "before" | "after";
  calls: number;
  isDead: boolean;
}

const gone = (): HoldfastError => new HoldfastError("down", "The process is dead.", { retry: "later" });

/** Lets no write through once the instance has died, which it does before that write has an effect, or before it is answered. */
function mortal(death: Death): Between {
  async function write<T>(call: () => Promise<T>, lost: () => Promise<T>): Promise<T> {
    const isLast = !death.isDead && ++death.calls === death.at;
    if (!death.isDead && !isLast) return call();
    death.isDead = true;
    if (isLast && death.when === "after") await call();
    return lost();
  }
  const throws = (): Promise<never> => Promise.reject(gone());
  const refused = (items: readonly unknown[]) => (): Promise<BusResults> => Promise.resolve(items.map(gone));
  return ({ journal, bus }) => ({
    journal: {
      ...journal,
      append: (request) => write(() => journal.append(request), throws),
      setPublished: (stream, sequence) => write(() => journal.setPublished(stream, sequence), throws),
    },
    bus: {
      publish: (events) => write(() => bus.publish(events), refused(events)),
      send: (to, parcels) => write(() => bus.send(to, parcels), refused(parcels)),
    },
  });
}

/** The commands, as a client tries them again that has heard nothing. */
async function add(run: Run, id: string): Promise<void> {
  await run.call(counter, id, { key: "one" }).addAll([1, 2]);
  await run.call(counter, id, { key: "two" }).addAll([3, 4, 5]);
}

test.each(["before", "after"] as const)(
  "a process may die at any of its writes, %s it has an effect: each event has its own, once, in order",
  async (when) => {
    let death: Death | undefined;
    const context = azureContext(tables, (ports) => (death ? mortal(death)(ports) : ports));
    let deaths = 0;
    for (let at = 1; ; at++) {
      const id = `a${at}`;
      const now = start0 + at * hour;
      death = { at, when, calls: 0, isDead: false };
      const services = newServices((what) => {
        if (what === `${id}#2/1`) throw new Error("once");
      });
      const one = await context.start(noting, { services, seed: 2 * at, now });
      await add(one, id).catch(() => {});
      await pass(one, 2 * second);
      // Its wake-ups come, too.
      await pass(one, 100 * second, 20 * second);
      const survived = !death.isDead;
      await one.close();
      death = undefined;
      const two = await context.start(noting, { services, seed: 2 * at + 1, now: one.clock.now() + minute });
      await add(two, id);
      await pass(two, 6 * minute, 20 * second);
      await notesAre(two, id, ["1:1", "2:2", "3:3", "4:4", "5:5"]);
      expect(await dead(two), `having died at write ${at}`).toEqual([]);
      await two.close();
      if (survived) break;
      deaths++;
      expect(at, "it ends").toBeLessThan(60);
    }
    expect(deaths).toBeGreaterThan(12);
    await context.close();
  },
  300_000,
);
