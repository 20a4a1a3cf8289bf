import fc from "fast-check";
import { holdfast, on, type App, type StoredRecord } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { anonymous } from "../fixtures.ts";
import { json, runs, type Json } from "../fuzz.ts";

type Data = { readonly trail: readonly string[]; readonly value: Json };
type Step = (data: Data) => unknown;

const h = holdfast();
const stream = { tenant: "default", entity: "log", id: "a" };
const now = 1_767_225_600_000;

/** What every version of the code agrees on: a step notes the version that it came from. */
const pass =
  (from: number): Step =>
  ({ trail, value }) => ({ trail: [...trail, `${from}`], value });

interface Delivered {
  readonly data: unknown;
}

interface Options {
  readonly version: number;
  readonly steps?: Readonly<Record<number, Step>>;
  readonly snapshotEvery?: number;
  readonly delivered?: Delivered[];
}

/** Keeps all event data that it was given. */
function appOf({ version, steps, snapshotEvery = 1_000, delivered = [] }: Options): App {
  const all = Object.fromEntries(Array.from({ length: version - 1 }, (_, i) => [i + 1, pass(i + 1)]));
  const schema = z.object({ trail: z.array(z.string()), value: z.unknown() });
  const log = h
    .entity("log", {
      initial: () => ({ seen: [] as readonly unknown[] }),
      events: { noted: { schema, version, upcast: steps ?? all }, other: z.object({}) },
      evolve: {
        noted: ({ seen }, data) => ({ seen: [...seen, data] }),
        other: ({ seen }) => ({ seen: [...seen, "other"] }),
      },
      history: true,
      snapshotEvery,
    })
    .command("touch", { decide: (_state, _input, { events }) => events.other({}) });
  const reader = h.subscription("reader", {
    to: [on(log.events.noted)],
    from: "beginning",
    maxAttempts: 1,
    handle: async ({ data }) => void delivered.push({ data }),
  });
  return h.app({ entities: [log], subscriptions: [reader] });
}

interface Old {
  readonly v: number;
  readonly value: Json;
}

/** A stream as former versions of the code have written it, one event in a record. */
async function journalOf(events: readonly Old[]) {
  const journal = createMemoryJournal();
  let previous = "";
  for (const [i, { v, value }] of events.entries()) {
    const id = `${i + 1}`.padStart(20, "0");
    const event = { type: "noted", ...(v > 1 && { v }), data: { trail: [], value } };
    const record: StoredRecord = {
      sequence: i + 1,
      id,
      previous,
      time: now,
      version: i + 1,
      entries: JSON.stringify([{ id, command: "note", events: [event] }]),
    };
    expect(await journal.append({ stream, record })).toBe("stored");
    previous = id;
  }
  return journal;
}

const newest = 6;
const old: fc.Arbitrary<Old> = fc.record({ v: fc.integer({ min: 1, max: newest }), value: json });
const view = { entity: "log", id: "a", principal: anonymous };

describe("old events", () => {
  test("fold, are read and are delivered as those that their upcasters make of them, whichever came before", async () => {
    const versions = fc.integer({ min: 1, max: newest });
    await fc.assert(
      fc.asyncProperty(fc.array(old, { minLength: 1, maxLength: 6 }), versions, async (events, least) => {
        const version = Math.max(least, ...events.map(({ v }) => v));
        const upcast = events.map(({ v, value }) => ({
          trail: Array.from({ length: version - v }, (_, i) => `${v + i}`),
          value,
        }));
        const delivered: Delivered[] = [];
        const journal = await journalOf(events);
        const run = createTestApp(appOf({ version, delivered }), { journal, now });
        expect(await run.view(view)).toEqual({ view: { seen: upcast }, version: events.length });
        const page = await run.history({ ...view, after: 0, limit: 100 });
        expect(page.events.map(({ data }) => data)).toEqual(upcast);
        await run.delivered();
        expect(delivered.map(({ data }) => data)).toEqual(upcast);
        // As if they had been stored in the newest shape.
        const fresh = createMemoryJournal();
        for (const [i, record] of (await journal.load(stream)).records.entries()) {
          const event = { type: "noted", ...(version > 1 && { v: version }), data: upcast[i] };
          const entries = JSON.stringify([{ id: record.id, command: "note", events: [event] }]);
          await fresh.append({ stream, record: { ...record, entries } });
        }
        const second = createTestApp(appOf({ version }), { journal: fresh, now });
        expect(await second.view(view)).toEqual(await run.view(view));
        await Promise.all([run.close(), second.close()]);
      }),
      runs(150),
    );
  });

  test("fold to the same state across snapshots of every age of the code", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), json), { maxLength: 5 }), async (steps) => {
        const events = steps.map(([, value]): Old => ({ v: 1, value }));
        const journal = await journalOf(events);
        let version = 1;
        let state: unknown;
        for (const [more] of steps) {
          version += more;
          const run = createTestApp(appOf({ version, snapshotEvery: 1 }), { journal, now });
          await run.execute({ ...view, command: "touch" });
          ({ view: state } = await run.view(view));
          await run.close();
        }
        if (steps.length === 0) return;
        // What a snapshot holds was upcast by the code of its time; the list of values is the same.
        const { seen } = state as { readonly seen: readonly (Data | "other")[] };
        const values = seen.flatMap((data) => (data === "other" ? [] : [data.value]));
        expect(values).toEqual(events.map(({ value }) => value));
        expect(seen.length).toBe(events.length + steps.length);
      }),
      runs(60),
    );
  });

  test("of a version or type that this code does not know are `unknown-event`, retry later, and nothing is stored", async () => {
    const version = fc.integer({ min: 1, max: newest - 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(old, { maxLength: 4 }),
        version,
        fc.nat(4),
        fc.nat(3),
        async (events, version, at, ahead) => {
          const known = events.map((event) => ({ ...event, v: Math.min(event.v, version) }));
          known.splice(at, 0, { v: version + 1 + ahead, value: 1 });
          const journal = await journalOf(known);
          const delivered: Delivered[] = [];
          const run = createTestApp(appOf({ version, delivered }), { journal, now });
          const refusal = { code: "unknown-event", retry: "later", retryAfterMs: 5_000 };
          await expect(run.view(view)).rejects.toMatchObject(refusal);
          await expect(run.execute({ ...view, command: "touch" })).rejects.toMatchObject(refusal);
          await expect(run.history({ ...view, after: 0, limit: 10 })).rejects.toMatchObject(refusal);
          expect((await journal.load(stream)).records.length).toBe(known.length);
          await run.delivered();
          // Those before it have come; it waits, uncounted, and with it the later ones.
          expect(delivered.length).toBe(Math.min(at, events.length));
          expect(await journal.dead({ limit: 10 })).toEqual([]);
          await run.close();
        },
      ),
      runs(60),
    );
  });
});

describe("an upcaster", () => {
  const bad: readonly (readonly [string, Step])[] = [
    [
      "throws",
      () => {
        throw new Error("the password is 1234");
      },
    ],
    [
      "throws what is no error",
      () => {
        throw undefined;
      },
    ],
    ["returns undefined", () => undefined],
    ["returns a promise", () => Promise.reject(new Error("later"))],
    ["returns what JSON does not carry", () => ({ trail: [], value: new Date(0) })],
    ["returns NaN", () => ({ trail: [], value: Number.NaN })],
    [
      "changes what it was given",
      (data) => {
        (data.trail as string[]).push("1");
        return data;
      },
    ],
    ["reads what is not there", (data) => (data as unknown as { readonly gone: { readonly x: 1 } }).gone.x],
  ];

  const everywhere = bad.flatMap(([how, step]) => [1, 2].map((at) => [how, at, step] as const));

  test.each(everywhere)(
    "that %s, from version %i, is `internal` without detail, stores nothing, and dead-letters no more than its event",
    async (_how, at, step) => {
      const journal = await journalOf([
        { v: 1, value: 1 },
        { v: 3, value: 2 },
      ]);
      const delivered: Delivered[] = [];
      const steps = { 1: pass(1), 2: pass(2), [at]: step };
      const run = createTestApp(appOf({ version: 3, steps, delivered }), { journal, now });
      const failure = { code: "internal", retry: "never", message: expect.not.stringContaining("1234") };
      await expect(run.view(view)).rejects.toMatchObject(failure);
      await expect(run.execute({ ...view, command: "touch" })).rejects.toMatchObject(failure);
      await run.delivered();
      expect(delivered).toEqual([{ data: { trail: [], value: 2 } }]);
      expect(await journal.dead({ limit: 10 })).toMatchObject([{ sequence: 1, reason: { code: "internal" } }]);
      expect((await journal.load(stream)).records.length).toBe(2);
      await run.close();
    },
  );

  test("that is missing is refused when the event is declared, wherever the gap is", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 30 }),
        fc.nat(),
        fc.constantFrom(undefined, null, 1, "x"),
        (version, n, instead) => {
          const gap = 1 + (n % (version - 1));
          const steps = Object.fromEntries(Array.from({ length: version - 1 }, (_, i) => [i + 1, pass(i + 1)]));
          // What only a caller in JavaScript can write.
          const broken = { ...steps, [gap]: instead as unknown as Step };
          expect(() => appOf({ version, steps })).not.toThrow();
          expect(() => appOf({ version, steps: broken })).toThrowError(
            expect.objectContaining({
              code: "invalid-declaration",
              message: expect.stringContaining(`no upcast[${gap}]`),
            }),
          );
        },
      ),
      runs(50),
    );
  });
});

test("a state that grows deeper with every event is refused before it cannot be read again", async () => {
  const nest = h
    .entity("nest", {
      initial: () => ({ inner: null as unknown }),
      events: { grown: z.object({}) },
      evolve: { grown: (inner) => ({ inner }) },
      snapshotEvery: 10,
    })
    .command("grow", { decide: (_state, _input, { events }) => events.grown({}) });
  const journal = createMemoryJournal();
  const app = h.app({ entities: [nest] });
  const run = createTestApp(app, { journal, now });
  const grow = () => run.execute({ entity: "nest", id: "a", command: "grow", principal: anonymous });
  for (let level = 2; level <= 64; level++) expect(await grow()).toMatchObject({ ok: true });
  await expect(grow()).rejects.toMatchObject({ code: "internal" });
  const again = createTestApp(app, { journal, now });
  const request = { entity: "nest", id: "a", principal: anonymous };
  expect(await again.view(request)).toEqual(await run.view(request));
  await Promise.all([run.close(), again.close()]);
});
