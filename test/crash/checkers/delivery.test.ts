import type { StoredRecord } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import type { Sighting } from "../app.ts";
import { checkDelivery, summary } from "./delivery.ts";
import { createWorkload, observe, startInstance } from "../memory/virtual.ts";
import type { Delivered } from "../observed.ts";

/** What a sound delivery shows. */
async function sound(): Promise<Delivered> {
  const journal = createMemoryJournal();
  const system = createVirtualSystem();
  const sightings: Sighting[] = [];
  const workload = createWorkload();
  const instance = await startInstance(journal, system, sightings);
  for (let round = 0; round < 5; round++) {
    await workload.ask(instance);
    await system.clock.advance(20_000);
  }
  await system.clock.advance(600_000);
  await instance.delivery.close(0);
  await instance.runtime.close();
  return observe(journal, sightings, workload);
}

const observed = await sound();

/** Where the doctored observations differ. */
const withRecords = (change: (entries: string) => string): Delivered => ({
  ...observed,
  records: observed.records.map(({ stream, record }) => ({
    stream,
    record: { ...record, entries: change(record.entries) },
  })),
});
const without = (isLost: (record: StoredRecord, entity: string) => boolean): Delivered => {
  const lost = observed.records.findIndex(({ stream, record }) => isLost(record, stream.entity));
  expect(lost).toBeGreaterThanOrEqual(0);
  return { ...observed, records: observed.records.toSpliced(lost, 1) };
};
const twice = (isDoubled: (record: StoredRecord, entity: string) => boolean): Delivered => {
  const doubled = observed.records.find(({ stream, record }) => isDoubled(record, stream.entity));
  expect(doubled).toBeDefined();
  return { ...observed, records: [...observed.records, ...(doubled ? [doubled] : [])] };
};
const seeing = (change: (sightings: readonly Sighting[]) => readonly Sighting[]): Delivered => ({
  ...observed,
  sightings: change(observed.sightings),
});
const [dead] = observed.dead;
const firstOf = (handler: string): Sighting =>
  observed.sightings.find((sighting) => sighting.handler === handler) as Sighting;
const places = (handler: string, subject: string): readonly number[] =>
  observed.sightings.flatMap((sighting, i) =>
    sighting.handler === handler && sighting.subject === subject && sighting.attempt === 1 ? [i] : [],
  );

function swapped(): readonly Sighting[] {
  const [a = 0, b = 0] = places("everything", "good");
  return observed.sightings.with(a, observed.sightings[b] as Sighting).with(b, observed.sightings[a] as Sighting);
}

/** An event that `red` does not want, told to it all the same. */
function leaked(): readonly Sighting[] {
  const reds = new Set(observed.sightings.flatMap(({ handler, id }) => (handler === "red" ? [id] : [])));
  const blue = observed.sightings.find(({ handler, id }) => handler === "everything" && !reds.has(id)) as Sighting;
  return [...observed.sightings, { ...blue, handler: "red" }];
}

test("finds nothing wrong with a sound delivery, in which there was something of each kind", () => {
  expect(checkDelivery(observed)).toEqual([]);
  const counts = Object.entries(summary(observed));
  expect(counts.length).toBe(7);
  for (const [name, count] of counts) expect([name, count > 0]).toEqual([name, true]);
});

test.each<readonly [string, RegExp, () => Delivered]>([
  [
    "loses an event at one subscription",
    /^lost: red/,
    () => seeing((all) => all.filter(({ handler, id }) => handler !== "red" || id !== firstOf("red").id)),
  ],
  [
    "loses an event at the other",
    /^lost: everything/,
    () => seeing((all) => all.filter(({ handler, id }) => handler !== "everything" || id !== firstOf("everything").id)),
  ],
  ["leaks to a subscription that does not want it", /^leak: red/, () => seeing(leaked)],
  [
    "delivers what was never committed",
    /^invented: red/,
    () => seeing((all) => [...all, { ...firstOf("red"), id: "nothing-1" }]),
  ],
  ["reorders two events of an entity", /^order: everything .*good#/, () => seeing(swapped)],
  [
    "reorders what two events of an entity cause",
    /^order: red has done "red .*" of \w+ before "red /,
    () => {
      const { records } = observed;
      const reds = records.flatMap(({ stream, record }, i) =>
        stream.entity === "effect" && / first"/.test(record.entries) ? [{ i, of: stream.id }] : [],
      );
      const [first = -1, ...more] = reds.flatMap(({ i, of }) => (of === reds[0]?.of ? [i] : []));
      const last = more.at(-1) ?? -1;
      const [a, b] = [records[first], records[last]];
      if (!a || !b) throw new Error("Nothing red has happened twice.");
      return { ...observed, records: records.with(first, b).with(last, a) };
    },
  ],
  [
    "tells another version",
    /^place: red/,
    () => seeing((all) => all.map((one) => (one === firstOf("red") ? { ...one, version: one.version + 1 } : one))),
  ],
  [
    "gives up after one attempt",
    /^attempts: everything has not made attempt 2/,
    () => seeing((all) => all.filter(({ subject, attempt }) => subject !== "bad" || attempt === 1)),
  ],
  [
    "loses an effect",
    /^effect: "red .* second" did not happen/,
    () => without(({ entries }, entity) => entity === "effect" && / second"/.test(entries)),
  ],
  [
    "doubles an effect",
    /^effect: "everything .* happened 2 times/,
    () => twice(({ entries }, entity) => entity === "effect" && /"everything /.test(entries)),
  ],
  [
    "has an effect without a cause",
    /^effect: "tick 0" has no cause/,
    () => withRecords((entries) => entries.replace(/"tick \d+"/, '"tick 0"')),
  ],
  [
    "loses a job",
    /^effect: "job j\d+" did not happen/,
    () => without(({ entries }, entity) => entity === "effect" && /"job /.test(entries)),
  ],
  [
    "begins a tick and does not do it",
    /^tick: 1 were begun and not done in 0 interruptions/,
    () => without(({ entries }, entity) => entity === "effect" && /"tick /.test(entries)),
  ],
  ["loses a send", /^send: "m\d+" did not happen/, () => without((_, entity) => entity === "inbox")],
  ["doubles a send", /^send: "m\d+" happened 2 times/, () => twice((_, entity) => entity === "inbox")],
  ["loses a timer", /^timer: "m\d+" did not happen/, () => without(({ entries }) => entries.includes('"fired"'))],
  ["fires a timer twice", /^timer: "m\d+" happened 2 times/, () => twice(({ entries }) => entries.includes('"fired"'))],
  [
    "loses a command that was acknowledged",
    /^durable: lost/,
    () => ({ ...observed, acknowledged: [...observed.acknowledged, "lost"] }),
  ],
  ["loses a dead letter", /^dead: .* 0 times/, () => ({ ...observed, dead: observed.dead.slice(1) })],
  [
    "doubles a dead letter",
    /^dead: .* 2 times/,
    () => ({ ...observed, dead: [...observed.dead, ...(dead ? [dead] : [])] }),
  ],
  [
    "gives up what is no poison",
    /^dead: .* is no poison/,
    () => ({ ...observed, dead: [...observed.dead, ...(dead ? [{ ...dead, consumer: "subscription:red" }] : [])] }),
  ],
  [
    "forgets the reason",
    /^dead: .* because of "internal: "/,
    () => ({
      ...observed,
      dead: observed.dead.map((letter) => ({ ...letter, reason: { code: "internal", message: "" } })),
    }),
  ],
  ["leaves a row behind", /^waiting: x/, () => ({ ...observed, waiting: ["x"] })],
])("catches a delivery that %s", (_name, violation, broken) => {
  expect(checkDelivery(broken()).some((found) => violation.test(found))).toBe(true);
});

test("catches a store that skips a record, at run time", async () => {
  const journal = createMemoryJournal();
  const skipping: typeof journal = {
    ...journal,
    recordsAfter: async (position, limit) =>
      (await journal.recordsAfter(position, limit)).filter(
        ({ stream, record }) => stream.id !== "good" || record.sequence !== 2,
      ),
  };
  const sightings: Sighting[] = [];
  const workload = createWorkload();
  const system = createVirtualSystem();
  const instance = await startInstance(skipping, system, sightings);
  await workload.ask(instance);
  await system.clock.advance(600_000);
  const violations = checkDelivery(await observe(journal, sightings, workload));
  expect(violations.some((violation) => violation.startsWith("lost: "))).toBe(true);
});

test("catches a journal that forgets keys, at run time", async () => {
  const journal = createMemoryJournal();
  // Nothing is cached, and what is loaded has no keys: a second attempt has its effect again.
  const forget = <R extends StoredRecord>(record: R): R => ({
    ...record,
    entries: record.entries.replaceAll(/"key":"[^"]+",/g, ""),
  });
  const sightings: Sighting[] = [];
  const workload = createWorkload();
  const system = createVirtualSystem();
  const first = await startInstance(journal, system, sightings);
  await workload.ask(first);
  // Its process dies between effect and progress; the next one has forgotten the keys.
  const second = await startInstance(journal, system, sightings, {
    ...journal,
    load: async (stream, after) => {
      const loaded = await journal.load(stream, after);
      return { ...loaded, records: loaded.records.map(forget) };
    },
  });
  await first.delivery.close(0);
  await system.clock.advance(600_000);
  await second.delivery.idle();
  const violations = checkDelivery(await observe(journal, sightings, workload));
  expect(violations.some((violation) => / happened \d times/.test(violation))).toBe(true);
});
