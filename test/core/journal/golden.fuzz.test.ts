import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { holdfast, isHoldfastError, type Snapshot, type StoredRecord, type StreamId } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";
import { envelopesOf } from "../../../src/core/messaging/envelope.ts";
import { anonymous } from "../fixtures.ts";
import { runs } from "../fuzz.ts";
import { damage } from "./damage.ts";

const folder = new URL("./golden/", import.meta.url);

/**
 * What was once written can be read for ever. Lines are added here, with the file, when the format gets something new;
 * none is ever changed or removed: the journals that look so do not change either.
 */
const golden: { readonly [file: string]: string } = {
  "format-1-everything.json": "371b0f901b87dc81ce04b21bc6ddd22944dc265654fad9b9e97ee84a39574f8c",
  "format-1-smallest.json": "6967b1fb69d76fd756ad6456c80f7a4b65c2646c93f2a1d9dd1c3ac4c1c3fb96",
  "format-1-timer-correlation.json": "77a2489f3e635673ea076396481d861d2b8496d8aa1884f38e25127fa26f84e8",
};

test("no golden file was changed, removed, or added without being listed", () => {
  const found = readdirSync(folder).map((file) => {
    return [
      file,
      createHash("sha256")
        .update(readFileSync(new URL(file, folder)))
        .digest("hex"),
    ];
  });
  expect(Object.fromEntries(found)).toEqual(golden);
});

interface Golden {
  readonly stream: StreamId;
  readonly records: readonly StoredRecord[];
  readonly snapshot?: Snapshot;
}

const files = Object.keys(golden).map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Golden);

const h = holdfast();
const declare = (revision: number) => h.app({ entities: [counterOf(revision)] });
const counterOf = (revision: number) =>
  h
    .entity("counter", {
      revision,
      initial: () => ({ sum: 0, count: 0 }),
      events: {
        added: z.object({ n: z.number() }),
        reset: { schema: z.object({ to: z.number() }), version: 2, upcast: { 1: () => ({ to: 0 }) } },
      },
      evolve: {
        added: (state, { n }) => ({ sum: state.sum + n, count: state.count + 1 }),
        reset: (_state, { to }) => ({ sum: to, count: 0 }),
      },
      history: true,
    })
    .command("add", { input: z.object({ n: z.number() }), decide: (_state, input, { events }) => events.added(input) });
const app = declare(1);

/** What may become of somebody who asks a damaged journal; all else would be a bug of ours. */
const told = [
  "journal-corrupt",
  "unknown-event",
  "internal",
  "erased",
  "idempotency-key-reused",
  "idempotency-key-expired",
];

test("whatever has become of a stored text, whoever asks gets an answer or a code, and nothing is made up", async () => {
  const outcomes = { answered: 0, refused: 0 };
  const which = fc.record({ file: fc.constantFrom(...files), at: fc.nat(4), damage, keep: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(which, async ({ file, at, damage, keep }) => {
      const journal = createMemoryJournal();
      const { stream, records, snapshot } = file;
      const broken = at % (records.length + 1);
      for (const [i, record] of records.entries()) {
        const entries = i === broken ? damage(record.entries) : record.entries;
        await journal.append({ stream, record: { ...record, entries } });
      }
      if (snapshot && (keep || broken === records.length)) {
        await journal.saveSnapshot(stream, {
          ...snapshot,
          body: broken === records.length ? damage(snapshot.body) : snapshot.body,
        });
      }
      const run = createTestApp(app, { journal, now: records.at(-1)?.time ?? 0 });
      const about = { entity: "counter", id: stream.id, principal: anonymous };
      const asked: readonly (() => unknown)[] = [
        () => run.view(about),
        () => run.history({ ...about, after: 0, limit: 100 }),
        () => run.history({ ...about, after: 1, limit: 1 }),
        () => run.execute({ ...about, command: "add", input: { n: 1 }, key: "k" }),
        () => run.execute({ ...about, command: "add", input: { n: 1 } }),
        () => run.timer(about, "expire"),
        async () => {
          const all = (await journal.load(stream, 0)).records.flatMap((record) => envelopesOf(stream, record));
          for (const { data } of all) expect(data).not.toBeUndefined();
        },
        () => run.erase(about),
      ];
      for (const ask of asked) {
        try {
          await ask();
          outcomes.answered++;
        } catch (error) {
          outcomes.refused++;
          if (!isHoldfastError(error)) throw error;
          expect(told).toContain(error.code);
        }
      }
      await run.close();
    }),
    runs(400),
  );
  expect(outcomes.answered).toBeGreaterThan(400);
  expect(outcomes.refused).toBeGreaterThan(400);
});

test("a fold from the start that lacks a record, or meets a wrong one, is `journal-corrupt`", async () => {
  const [file] = files.filter(({ snapshot, records }) => snapshot && records.length > 2);
  if (!file?.snapshot) throw new Error("no golden file has a snapshot");
  const { stream, records, snapshot } = file;
  const inner = createMemoryJournal();
  for (const record of records) await inner.append({ stream, record });
  await inner.saveSnapshot(stream, snapshot);
  const about = { entity: "counter", id: stream.id, principal: anonymous };
  /** Newer code, which does not take the snapshot's state, on a journal that reads so. */
  const view = (read: (records: readonly StoredRecord[]) => readonly StoredRecord[]) => {
    const journal = { ...inner, history: async () => read(records) };
    return createTestApp(declare(2), { journal }).view(about);
  };
  expect(await view((all) => all)).toEqual(await createTestApp(app, { journal: inner }).view(about));
  const corrupt = { code: "journal-corrupt", retry: "never" };
  for (const [i, record] of records.entries()) {
    await expect(view((all) => all.toSpliced(i, 1))).rejects.toMatchObject(corrupt);
    await expect(view((all) => all.toSpliced(i, 0, record))).rejects.toMatchObject(corrupt);
    await expect(view((all) => all.toSpliced(i, 1, { ...record, id: "another" }))).rejects.toMatchObject(corrupt);
    await expect(view((all) => all.toSpliced(i, 1, { ...record, previous: "x" }))).rejects.toMatchObject(corrupt);
  }
  await expect(view((all) => all.toReversed())).rejects.toMatchObject(corrupt);
  await expect(view(() => [])).rejects.toMatchObject(corrupt);
});
