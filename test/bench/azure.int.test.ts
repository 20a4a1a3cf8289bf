import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { getAndUpdate } from "../../bench/azure/by-hand.ts";
import { openCounted } from "../../bench/azure/counted.ts";
import { costRows, costsOf } from "../../bench/azure/costs.ts";
import { each, operationsOf, sum } from "../../bench/azure/meter.ts";
import { priceOf } from "../../bench/azure/prices.ts";
import { holds, type Bench, type Shared } from "../../bench/harness.ts";
import { freshTable, useTables } from "../azure/tables/fixtures.ts";

const tables = useTables();

const one = { tableReads: 2, tableWrites: 1, messages: 2, sends: 1, received: 1, settled: 1, sessions: 1 };

test("a price is what is counted at the list price, for a million", () => {
  expect(priceOf({ tables: 1, operations: 0, executions: 0 })).toBe(0.036);
  expect(priceOf({ tables: 0, operations: 2, executions: 1 })).toBeCloseTo(2);
});

test("an operation is each message sent, received or settled, and each session accepted, not each call", () => {
  expect(operationsOf(one)).toBe(5);
  expect(sum([one, one])).toEqual(each(one, 0.5));
});

test("of handlers by hand that all want the same row none loses a change", async () => {
  const table = freshTable(tables);
  await table.make();
  const { client } = table.client();
  const add = (count: number | undefined): number => (count ?? 0) + 1;
  await Promise.all(Array.from({ length: 8 }, () => getAndUpdate(client, "hot", 1, add)));
  expect(await client.getEntity("hot", "state")).toMatchObject({ state: "8" });
  await table.close();
});

describe("npm run bench:azure", () => {
  test("counts what commands send: a lone one pays for its wake-up in full, one that is covered for its event", async () => {
    const made: Shared<unknown>[] = [];
    const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
    // All that it asks of the program, once.
    const bench = {
      progress: () => {},
      folder,
      async shared<T>(make: (bench: Bench) => Promise<Shared<T>>) {
        const shared = await make(bench);
        made.push(shared);
        return shared.value;
      },
    } as unknown as Bench;
    onTestFinished(async () => {
      for (const shared of made) await shared.close();
      rmSync(folder, { recursive: true });
    });
    const counted = await openCounted(bench, "costs");
    onTestFinished(() => counted.close());
    const costs = await costsOf(counted, 100);
    // In a hundred records, a snapshot and its page of keys.
    expect(costs.warm).toMatchObject({ tableReads: 0, tableWrites: 1.02, messages: 1, received: 0 });
    expect(costs.cold).toMatchObject({ tableReads: 1, tableWrites: 1, messages: 2 });
    expect(costs.takenOver).toMatchObject({ tableReads: 3, messages: 3 });
    const table = { tableReads: 5, tableWrites: 2 };
    expect(costs.lone).toMatchObject({ ...table, messages: 3, received: 2, settled: 2, sessions: 1 });
    const rows = costRows(costs);
    expect(rows.filter(({ bound }) => bound !== null)).toHaveLength(14);
    expect(rows.filter((row) => !holds(row))).toEqual([]);
  }, 180_000);

  test("an unknown benchmark ends with exit code 2 and says which there are", () => {
    const args = ["--conditions=holdfast-source", "bench/azure/main.ts", "nothing"];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toContain('Unknown benchmark "nothing". Known: one, 16, hot, delivery, costs.');
  }, 60_000);
});
