import { inspect } from "node:util";
import { readFileSync, readdirSync } from "node:fs";
import { holdfast, type StoredRecord } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { decodeEntries, decodeKeyPage, decodeSnapshot } from "../../../src/core/journal/format.ts";
import { parseKey } from "../../../src/core/journal/keys.ts";
import { anonymous } from "../fixtures.ts";

/**
 * Golden files: what was once written can be read for ever. They are never changed, only added to. Each is
 * `{ records, snapshot?, expected }`; `expected` is what the counter below makes of them.
 */
interface Golden {
  readonly stream: { readonly tenant: string; readonly entity: string; readonly id: string };
  readonly records: readonly StoredRecord[];
  readonly snapshot?: {
    readonly sequence: number;
    readonly revision: number;
    readonly horizon: { foreign: number; derived: number };
    readonly body: string;
  };
  readonly expected: {
    readonly view: unknown;
    readonly version: number;
    readonly timers: readonly string[];
    /** Keys that are known, by the version of their answer. */
    readonly keys: readonly { readonly key: string; readonly n: number; readonly version: number }[];
  };
}

const h = holdfast();
const counter = h
  .entity("counter", {
    initial: () => ({ sum: 0, count: 0 }),
    events: {
      added: z.object({ n: z.number() }),
      reset: { schema: z.object({ to: z.number() }), version: 2, upcast: { 1: () => ({ to: 0 }) } },
    },
    evolve: {
      added: (state, { n }) => ({ sum: state.sum + n, count: state.count + 1 }),
      reset: (_state, { to }) => ({ sum: to, count: 0 }),
    },
  })
  .command("add", { input: z.object({ n: z.number() }), decide: (_state, input, { events }) => events.added(input) });

const folder = new URL("./golden/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

describe("stored formats", () => {
  test("there are golden files", () => {
    expect(files.length).toBeGreaterThanOrEqual(2);
  });

  test.each(files)("%s is read as it was meant", async (file) => {
    const golden = JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Golden;
    const journal = createMemoryJournal();
    const { stream, records, snapshot, expected } = golden;
    for (const record of records) expect(await journal.append({ stream, record })).toBe("stored");
    const before = createTestApp(h.app({ entities: [counter] }), { journal, now: records.at(-1)?.time ?? 0 });
    const viewed = await before.view({ entity: "counter", id: stream.id, principal: anonymous });
    expect(viewed).toEqual({ view: expected.view, version: expected.version });
    if (snapshot) {
      await journal.saveSnapshot(stream, snapshot);
      const { body } = snapshot;
      expect(Object.keys(decodeSnapshot({ body, sequence: snapshot.sequence }).timers ?? {})).toEqual(expected.timers);
    }
    const after = createTestApp(h.app({ entities: [counter] }), { journal, seed: 2, now: records.at(-1)?.time ?? 0 });
    expect(await after.view({ entity: "counter", id: stream.id, principal: anonymous })).toEqual(viewed);
    for (const { key, n, version } of expected.keys) {
      const request = { entity: "counter", id: stream.id, command: "add", input: { n }, principal: anonymous, key };
      expect(await before.execute(request)).toMatchObject({ ok: true, replayed: true, version });
    }
  });

  test("a page of keys is read as it was written", () => {
    expect(decodeKeyPage('["aaaaaaaaaaaaaaaaaaaaaa",1,"bbbbbbbbbbbbbbbbbbbbbb",7]')).toEqual([
      ["aaaaaaaaaaaaaaaaaaaaaa", 1],
      ["bbbbbbbbbbbbbbbbbbbbbb", 7],
    ]);
  });

  test("principals whose ids are numbers are read: hosts without types have had them stored", () => {
    const entries = [{ id: "e", command: "add", principal: 5 }];
    expect(decodeEntries({ entries: JSON.stringify(entries), sequence: 1 })).toEqual(entries);
  });

  test("what is not readable is reported as `journal-corrupt`", () => {
    expect(() => decodeEntries({ entries: "[{", sequence: 3 })).toThrowError(
      expect.objectContaining({ code: "journal-corrupt", message: expect.stringContaining("record 3") }),
    );
  });

  test("the hash of a key never changes", () => {
    expect(parseKey("K", "foreign", 0).hash).toBe("tTAa-2SlH-Zrgey-S3jD-W");
  });
});

test("the error of a damaged text does not quote it", () => {
  const damaged = '[{"id":"x","reply":"the secret"';
  try {
    decodeEntries({ entries: damaged, sequence: 1 });
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ code: "journal-corrupt" });
    expect(inspect(error)).not.toContain("secret");
  }
});
