import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { brokerMutants } from "./broker-mutants.ts";
import { mutants as local } from "./mutants.ts";
import { reliabilityPage, type Figures } from "./reliability-page.ts";

const mutants = [...local, ...brokerMutants];
const docs = fileURLToPath(new URL("../../docs/", import.meta.url));

test("docs/reliability.md says what was measured, about the code as it is", async () => {
  const figures = JSON.parse(await readFile(`${docs}reliability.json`, "utf8")) as Figures;
  expect(await readFile(`${docs}reliability.md`, "utf8")).toBe(reliabilityPage(figures));
  // A mutant that is new, or gone: npm run reliability.
  expect(figures.mutants.figures.map(({ name }) => name)).toEqual(mutants.map(({ name }) => name));
  for (const { name, seed, by } of figures.mutants.figures) {
    const mutant = mutants.find((mutant) => mutant.name === name);
    expect(seed, name).toBeLessThanOrEqual(mutant?.seeds ?? 0);
    expect(
      mutant?.caughtBy.some((checker) => by.includes(checker)),
      name,
    ).toBe(true);
  }
  expect(figures.shop.figures.seeds).toBeGreaterThanOrEqual(20_000);
  expect(figures.random.figures.seeds).toBeGreaterThanOrEqual(20_000);
  for (const { figures: rounds } of [figures.crash, figures.crashOnAws]) expect(rounds["broken"]).toBe(0);
});
