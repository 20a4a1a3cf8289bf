import type { Journal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { journalConformance, type JournalNeed } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { createIndexedMemoryJournal } from "./indexed-memory-journal.ts";
import { indexMutants, mutants } from "./mutants.ts";
import { missing } from "./conformance-runner.ts";

/** The names of the cases that find something wrong with the journal. */
async function caught(create: () => Journal, has: readonly JournalNeed[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const one of journalConformance) {
    if (missing(one, has) !== undefined) continue;
    try {
      await one.run({ open: create });
    } catch {
      names.push(one.name);
    }
  }
  return names;
}

test("every case has a name of its own", () => {
  const names = journalConformance.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("a sound journal passes, with pages as with an index", async () => {
  expect(await caught(createMemoryJournal, ["pages", "predecessor"])).toEqual([]);
  expect(await caught(createIndexedMemoryJournal, ["index", "predecessor"])).toEqual([]);
});

/** The claim breaks on the journal; a case of another name may catch it too. */
async function breaks(name: string, create: () => Journal): Promise<void> {
  const one = journalConformance.find((candidate) => candidate.name === name);
  if (one === undefined) throw new Error(`There is no case "${name}".`);
  await expect(one.run({ open: create })).rejects.toMatchObject({ code: "ERR_ASSERTION" });
}

describe("catches a journal that", () => {
  for (const { flaw, by, create } of mutants) test(flaw, () => breaks(by, create));
});

describe("catches a journal with an index that", () => {
  for (const { flaw, by, create } of indexMutants) test(flaw, () => breaks(by, create));
});

test("catches two instances that do not share their store", async () => {
  const names = await caught(createMemoryJournal, ["pages", "instances", "predecessor"]);
  const needing = journalConformance.filter(({ needs = [] }) => needs.includes("instances"));
  expect(names).toEqual(needing.map(({ name }) => name));
  expect(names.length).toBeGreaterThan(4);
});
