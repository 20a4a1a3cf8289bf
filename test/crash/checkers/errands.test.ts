import { systemPrincipal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import type { Sighting } from "../app.ts";
import type { Deed } from "../errand.ts";
import { createWorkload, observe, startInstance } from "../memory/virtual.ts";
import type { Observed, Told, Watched } from "../observed.ts";
import { checkErrands, errandsIn } from "./errands.ts";
import { check } from "./index.ts";

const entity = "errand";

/** What sound workflows show: one that hears a signal, one that does not, one that fails, one that is cancelled. */
async function sound(): Promise<Observed> {
  const journal = createMemoryJournal();
  const system = createVirtualSystem();
  const sightings: Sighting[] = [];
  const deeds: Deed[] = [];
  const told: Told[] = [];
  const watched: Watched[] = [];
  let clock = 0;
  const { runtime, delivery } = await startInstance(journal, system, sightings, journal, deeds);

  async function send(id: string, command: string, more: object = {}): Promise<void> {
    const [key, from] = [`m${clock}`, ++clock];
    const input = { mark: key, ...more };
    const sent = command === "cancel" ? undefined : input;
    const outcome = await runtime.execute({ entity, id, command, key, input: sent, principal: systemPrincipal });
    const { version } = outcome;
    const result: Told["result"] = outcome.ok
      ? { ok: true, reply: outcome.reply, version, replayed: false }
      : { ok: false, code: outcome.code, version };
    told.push({ entity, id, command, key, input, span: { from, to: ++clock }, attempts: 1, result });
  }

  async function look(id: string): Promise<void> {
    const from = ++clock;
    const { view, version } = await runtime.view({ entity, id, principal: systemPrincipal });
    // What a workflow's own view is.
    watched.push({ id, span: { from, to: ++clock }, view: view as unknown as Watched["view"], version });
  }

  const fates = { heard: "never", late: "once", failing: "always", gone: "never" };
  const all = Object.keys(fates);
  await look("heard");
  for (const [id, fails] of Object.entries(fates)) {
    await send(id, "start", { desk: "d0", fails, sleepMs: 2_000, waitMs: 5_000 });
  }
  await send("heard", "start", { desk: "d0", fails: "never", sleepMs: 0, waitMs: 0 });
  await system.clock.advance(1_000);
  for (const id of all) await look(id);
  await send("heard", "signal-go");
  await send("gone", "cancel");
  await send("gone", "cancel");
  await system.clock.advance(600_000);
  for (const id of all) await look(id);
  await send("late", "signal-go");
  await delivery.close(0);
  await runtime.close();
  const delivered = await observe(journal, sightings, createWorkload());
  return { ...delivered, told, watched, deeds, shown: [], again: [], wire: [], full: [], odd: [] };
}

const observed = await sound();
type Change = (id: string, entries: string) => string | undefined;

/** Other records of the workflows, or of what they call; those that are `undefined` are gone. */
const storing = (of: string, change: Change): Observed => {
  const records = observed.records.flatMap((one) => {
    const entries = one.stream.entity === of ? change(one.stream.id, one.record.entries) : one.record.entries;
    return entries === undefined ? [] : [{ ...one, record: { ...one.record, entries } }];
  });
  expect(records).not.toEqual(observed.records);
  return { ...observed, records };
};
const twice = (of: string, isDoubled: (entries: string) => boolean): Observed => {
  const doubled = observed.records.find(
    ({ stream, record }) => stream.entity === of && isDoubled(record.entries),
  ) as Observed["records"][number];
  return { ...observed, records: [...observed.records, doubled] };
};
const doing = (change: (deeds: readonly Deed[]) => readonly Deed[]): Observed => {
  const deeds = change(observed.deeds);
  expect(deeds).not.toEqual(observed.deeds);
  return { ...observed, deeds };
};
const deed = (of: string, what: string): Deed =>
  observed.deeds.find((one) => one.of === of && one.what === what) as Deed;
const without = (of: string, ...whats: readonly string[]): Observed =>
  doing((all) => all.filter((one) => one.of !== of || !whats.includes(one.what)));
const telling = (command: string, id: string, result: Told["result"]): Observed => ({
  ...observed,
  told: observed.told.map((one) => (one.command === command && one.id === id ? { ...one, result } : one)),
});
const ok = { ok: true, reply: undefined, version: 1, replayed: false } as const;

test("finds nothing wrong with sound workflows, among which there was one of each kind", () => {
  expect(check(observed)).toEqual([]);
  expect(errandsIn(observed)).toEqual({
    errands: 4,
    completed: 2,
    failed: 1,
    cancelled: 1,
    signals: 1,
    // That of the step that fails once.
    deedsAgain: 1,
  });
  expect(observed.told.map(({ result }) => result.ok || result.code)).toEqual([
    true,
    true,
    true,
    true,
    "workflow-exists",
    true,
    true,
    true,
    "workflow-ended",
  ]);
});

test.each<readonly [string, RegExp, () => Observed]>([
  [
    "does not end",
    /heard has not ended/,
    () => storing(entity, (id, of) => (id === "heard" && of.includes('"ended"') ? undefined : of)),
  ],
  ["ends twice", /has ended 2 times/, () => twice(entity, (of) => of.includes('"ended"'))],
  ["begins twice", /heard has begun 2 times/, () => twice(entity, (of) => of.includes('"started"'))],
  ["goes on behind its end", /went on behind its end/, () => twice(entity, (of) => of.includes('"advanced"'))],
  [
    "is stopped",
    /heard is stopped, not completed/,
    () => storing(entity, (id, of) => (id === "heard" ? of.replace('"completed"', '"stopped"') : of)),
  ],
  [
    "completes what fails",
    /failing is completed, not failed/,
    () =>
      storing(entity, (id, of) => (id === "failing" ? of.replace('"failed","failure"', '"completed","failure"') : of)),
  ],
  [
    "is cancelled by nobody",
    /late is cancelled, not completed/,
    () => storing(entity, (id, of) => (id === "late" ? of.replace('"completed"', '"cancelled"') : of)),
  ],
  [
    "fails for another reason",
    /failing is failed because of "internal"/,
    () => storing(entity, (id, of) => (id === "failing" ? of.replaceAll('"refused"', '"internal"') : of)),
  ],
  [
    "is told twice what came of a step",
    /was told 2 times what came of 1 book/,
    () => twice(entity, (of) => /"done","n":1,/.test(of)),
  ],
  ["loses a step", /heard was told that "book" is done, which it is not/, () => without("heard", "book")],
  ["loses a parallel step", /heard is completed without "right"/, () => without("heard", "right")],
  [
    "loses the undoing of a step that failed for good",
    /failing is failed and "left" is not undone/,
    () => without("failing", "undo both"),
  ],
  [
    "loses the undoing of what was cancelled",
    /gone is cancelled and "book" is not undone/,
    () => without("gone", "undo book"),
  ],
  [
    "undoes what is completed",
    /heard is completed, and has done "undo book"/,
    () => doing((all) => [...all, { ...deed("heard", "book"), key: "other", what: "undo book" }]),
  ],
  [
    "undoes in another order",
    /failing has undone what was first before/,
    () =>
      doing((all) =>
        all.map((one) =>
          one === deed("failing", "undo both")
            ? deed("failing", "undo book")
            : one === deed("failing", "undo book")
              ? deed("failing", "undo both")
              : one,
        ),
      ),
  ],
  [
    "does a step before what comes before it",
    /heard has done "last" before "left"/,
    () => doing((all) => [deed("heard", "last"), ...all]),
  ],
  [
    "does a step under two keys",
    /heard has done "left" under 2 keys/,
    () => doing((all) => [...all, { ...deed("heard", "left"), key: "other" }]),
  ],
  [
    "hands out the key of another",
    /is the key of left of late and of left of heard|is the key of left of heard and of left of late/,
    () => doing((all) => [...all, { ...deed("late", "left"), key: deed("heard", "left").key }]),
  ],
  [
    "hands out a key that is not the step's when it is told",
    /heard returned another key of "left"/,
    () => doing((all) => all.map((one) => (one === deed("heard", "left") ? { ...one, key: "other" } : one))),
  ],
  [
    "does something for nobody",
    /nobody was done and never begun/,
    () => doing((all) => [...all, { ...deed("heard", "left"), key: "other", of: "nobody" }]),
  ],
  ["calls twice", /has taken its desk 2 times/, () => twice("desk", (of) => of.includes('"taken"'))],
  [
    "does not call",
    /heard is completed, and has taken its desk 0 times/,
    () => storing("desk", (_, of) => (of.includes('"taken"') && of.includes('"heard"') ? undefined : of)),
  ],
  [
    "keeps what it has of others when it fails",
    /failing is failed and has its desk/,
    () => storing("desk", (_, of) => (of.includes('"freed"') && of.includes('"failing"') ? undefined : of)),
  ],
  [
    "calls another than it is to",
    /has called another desk/,
    () => storing(entity, (id, of) => (id === "heard" ? of.replace('"d0"', '"d1"') : of)),
  ],
  [
    "does not hear a signal",
    /heard has heard null, and m\d+ was first/,
    () => storing(entity, (id, of) => (id === "heard" ? of.replace(/"heard":"m\d+"/, '"heard":null') : of)),
  ],
  [
    "goes on before its time is over",
    /late has gone on without a signal/,
    () => storing(entity, (id, of) => (id === "late" && of.includes('"woke"') ? of.replaceAll('"n":4', '"n":3') : of)),
  ],
  [
    "is said to be started, and is not",
    /start m\d+ of lost was accepted/,
    () => ({ ...observed, told: [...observed.told, { ...(observed.told[0] as Told), id: "lost", result: ok }] }),
  ],
  [
    "is said to be signalled, and is not",
    /signal-go m\d+ of heard was accepted/,
    () => telling("signal-go", "heard", ok),
  ],
  ["is said to be cancelled, and is not", /cancel m\d+ of gone was accepted/, () => telling("cancel", "gone", ok)],
  [
    "is said to exist before it does",
    /start m\d+ of late was told workflow-exists/,
    () => telling("start", "late", { ok: false, code: "workflow-exists", version: 0 }),
  ],
  [
    "is said to have ended before it has",
    /signal-go m\d+ of heard was told workflow-ended/,
    () => telling("signal-go", "heard", { ok: false, code: "workflow-ended", version: 2 }),
  ],
  [
    "is shown as what it is not",
    /heard was shown as completed at 0, where it is none/,
    () => ({
      ...observed,
      watched: observed.watched.map((one, i) => (i === 0 ? { ...one, view: { status: "completed" } } : one)),
    }),
  ],
])("catches a workflow that %s", (_name, violation, broken) => {
  const found = checkErrands(broken());
  expect(
    found.some((text) => violation.test(text)),
    found.join("\n"),
  ).toBe(true);
});

test("catches a driver's dead letter", () => {
  const [stream] = observed.records.flatMap(({ stream }) => (stream.entity === entity ? [stream] : []));
  const letter = {
    consumer: "subscription:errand",
    ...(stream && { stream }),
    sequence: 1,
    n: 1,
    failures: { attempts: 10 },
    reason: { code: "internal", message: "" },
  };
  expect(check({ ...observed, dead: [letter] })).toEqual([
    expect.stringMatching(/^dead: subscription:errand .* is no poison/),
  ]);
});
