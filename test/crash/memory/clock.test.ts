import type { System } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createRandom, createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import type { Sighting } from "../app.ts";
import { checkDelivery, summary } from "../checkers/delivery.ts";
import { createMortal, createWorkload, observe, startInstance } from "./virtual.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Two processes of one machine: their timers run on, whatever becomes of the clock that tells them the time. */
function createJumpingSystem(seed: number) {
  const steady = createVirtualSystem({ seed });
  let offMs = 0;
  let mostMs = 0;
  const system: System = { ...steady, now: () => steady.now() + offMs };
  return {
    system,
    advance: steady.clock.advance,
    jump(ms: number): void {
      offMs += ms;
      mostMs = Math.max(mostMs, offMs);
    },
    /** As NTP does in the end. */
    mend(): void {
      offMs = 0;
    },
    /** To where it was at most: then everything is due that ever seemed to lie ahead. */
    catchUp(): void {
      offMs = mostMs;
    },
  };
}

async function start(seed: number) {
  const clock = createJumpingSystem(seed);
  const journal = createMemoryJournal();
  const sightings: Sighting[] = [];
  const workload = createWorkload();
  const instance = (
    of: Pick<ReturnType<typeof createMortal>, "journal" | "system"> = { journal, system: clock.system },
  ) => startInstance(of.journal, of.system, sightings);
  const ticks = (): number => new Set(sightings.flatMap(({ handler, id }) => (handler === "tick" ? [id] : []))).size;
  /** But for timers: they name the time at which they are due, which lies further ahead now. */
  const violations = async (): Promise<readonly string[]> =>
    checkDelivery(await observe(journal, sightings, workload)).filter(
      (violation) => !/^timer: |^waiting: timers: /.test(violation),
    );
  return { ...clock, journal, sightings, workload, instance, ticks, violations };
}

test.each(Array.from({ length: 10 }, (_, i) => i + 1))(
  "clocks that jump back by an hour and forward by a day lose and double nothing (seed %i)",
  async (seed) => {
    const random = createRandom(seed);
    const { jump, mend, catchUp, advance, instance, workload, journal, sightings } = await start(seed);
    const instances = [await instance(), await instance()] as const;
    for (let step = 0; step < 30; step++) {
      await workload.ask(instances[random() < 0.5 ? 0 : 1]);
      // Sometimes while handlers run and failed ones wait, sometimes at rest.
      await advance(random() < 0.5 ? Math.floor(random() * 300) : Math.floor(random() * 2 * minuteMs));
      const dice = random();
      if (dice < 0.2) jump(-hourMs);
      else if (dice < 0.3) jump(dayMs);
      else if (dice < 0.4) mend();
    }
    await advance(5 * minuteMs);
    catchUp();
    await advance(5 * minuteMs);
    const observed = await observe(journal, sightings, workload);
    expect(checkDelivery(observed)).toEqual([]);
    for (const [name, count] of Object.entries(summary(observed))) expect([name, count > 0]).toEqual([name, true]);
  },
);

test.each([
  ["back by an hour", -hourMs],
  ["forward by a day", dayMs],
])("%s: what is committed then is delivered at once, failures are tried again, poison is given up", async (_, ms) => {
  const { jump, advance, instance, workload, sightings, journal, violations } = await start(1);
  const one = await instance();
  await workload.ask(one);
  // Its retries wait.
  await advance(10);
  jump(ms);
  await workload.ask(one);
  // The longest time of a timer, and of the retries of poison, twice.
  await advance(5 * minuteMs);
  expect(await violations()).toEqual([]);
  expect((await journal.dead({ limit: 10 })).length).toBe(2);
  expect(sightings.length).toBeGreaterThan(20);
});

test.each([
  ["back by an hour", -hourMs],
  ["forward by a day", dayMs],
])("%s: a process takes over from one that has died since", async (_, ms) => {
  const { jump, advance, instance, workload, journal, system, violations } = await start(2);
  const mortal = createMortal(journal, system);
  const first = await instance(mortal);
  const second = await instance();
  await workload.ask(first);
  await advance(3 * minuteMs);
  await workload.ask(first);
  // The second has seen that the first has it; some handlers run, some events wait for their retry.
  await advance(50);
  jump(ms);
  mortal.die();
  await workload.ask(second);
  // A lease, the longest wait for a retry, and what is to be done.
  await advance(7 * minuteMs);
  expect(await violations()).toEqual([]);
});

test.each([
  ["back by an hour", -hourMs, 90 * minuteMs],
  ["forward by a day", dayMs, 5 * minuteMs],
])("%s: ticks go on, each once", async (_, ms, soonMs) => {
  const { jump, advance, instance, ticks, violations, sightings } = await start(3);
  await instance();
  await advance(10 * minuteMs);
  const before = ticks();
  expect(before).toBeGreaterThanOrEqual(9);
  jump(ms);
  await advance(soonMs);
  expect(ticks()).toBeGreaterThan(before);
  const ids = sightings.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(await violations()).toEqual([]);
});

test("timers that fire a millisecond early, as Node's may: no retry is forgotten", async () => {
  const { advance, journal, system, workload, instance, violations } = await start(4);
  const after: System["after"] = (delayMs, task) => system.after(Math.max(1, delayMs - 1), task);
  const one = await instance({ journal, system: { ...system, after } });
  for (let i = 0; i < 5; i++) await workload.ask(one);
  await advance(5 * minuteMs);
  expect(await violations()).toEqual([]);
});
