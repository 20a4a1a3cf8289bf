import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseArguments, UsageError } from "../../bench/arguments.ts";
import { atOnce, compare, comparison, holds, keepBusy, median, type Bench, type Row } from "../../bench/harness.ts";
import { format, toJson, verdict } from "../../bench/report.ts";

const row: Row = {
  name: "64 at once",
  value: 20_000,
  unit: "commands/s",
  ratio: 0.5,
  against: "raw (b,64)",
  bound: { floor: 0.4 },
};

describe("figures", () => {
  test("the median is the middle, or the mean of the two in the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([7])).toBe(7);
  });

  test("the median of nothing, or of what is no number, is refused", () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => median([1, Number.NaN])).toThrow(RangeError);
  });

  test("the ratio is the median of the rounds' ratios, not the ratio of the medians", () => {
    const rounds = [
      { a: 100, b: 50 },
      { a: 10, b: 9 },
      { a: 1_000, b: 400 },
    ];
    expect(comparison(rounds)).toEqual({ value: 50, baseline: 100, ratio: 0.5 });
  });

  test("the two sides take turns", async () => {
    const order: string[] = [];
    const bench = { rounds: 3, progress: (text: string) => order.push(text) } as unknown as Bench;
    const side = (name: string, figure: number) => () => (order.push(name), figure);
    const { ratio } = await compare(bench, "x", side("a", 4), side("b", 2));
    expect(ratio).toBe(0.5);
    expect(order.filter((entry) => entry.length === 1).join("")).toBe("abababab".repeat(3));
    expect(order).toContain("x: round 3 of 3");
  });

  test("as many run at the same time as are asked for, each once", async () => {
    const seen: number[] = [];
    let running = 0;
    let most = 0;
    const one = async (i: number): Promise<void> => {
      seen.push(i);
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    };
    const { count } = await atOnce(3, 10, one);
    expect(count).toBe(10);
    expect(most).toBe(3);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await keepBusy(2, 0, one)).toMatchObject({ count: 0 });
  });
});

describe("rows", () => {
  test("a bound holds for the ratio where there is one, else for the value", () => {
    expect(holds(row)).toBe(true);
    expect(holds({ ...row, ratio: 0.39 })).toBe(false);
    expect(holds({ ...row, ratio: 1.3, bound: { ceiling: 1.3 } })).toBe(true);
    expect(holds({ ...row, ratio: null, value: 301, bound: { ceiling: 300 } })).toBe(false);
    expect(holds({ ...row, ratio: 0, bound: null })).toBe(true);
  });

  test("a line says on which side its bound was missed", () => {
    expect(format(row)).toMatch(/^64 at once +20,000 commands\/s +0\.50 raw \(b,64\) +>= 0\.4 +ok$/);
    expect(verdict({ ...row, ratio: 0.1 })).toBe("BELOW");
    expect(verdict({ ...row, ratio: 2, bound: { ceiling: 1.5 } })).toBe("ABOVE");
    expect(verdict({ ...row, bound: null })).toBe("");
  });

  test("the JSON holds the documented fields and no others", () => {
    const text = toJson([{ ...row, extra: 1 } as Row]);
    expect(JSON.parse(text)).toEqual([row]);
  });
});

describe("the command line", () => {
  const known = ["one", "http"];

  test("names, switches and the file are read", () => {
    expect(parseArguments(["one", "--quick", "--json", "x.json"], known)).toEqual({
      names: ["one"],
      json: "x.json",
      quick: true,
      check: false,
      help: false,
    });
  });

  test.each([[["two"]], [["--fast"]], [["--json"]], [["--json", ""]], [["--quick=1"]]])("%j is refused", (args) => {
    expect(() => parseArguments(args, known)).toThrow(UsageError);
  });
});

describe("npm run bench", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-test-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const bench = (...args: string[]) =>
    spawnSync(process.execPath, ["--conditions=holdfast-source", "bench/main.ts", ...args], { encoding: "utf8" });

  test("measures one benchmark and writes its rows", () => {
    const file = join(folder, "rows.json");
    const { status, stdout, stderr } = bench("import", "--quick", "--json", file);
    expect(stderr).toContain("round 3 of 3");
    expect(status).toBe(0);
    expect(stdout).toContain("modules behind it");
    const rows: readonly Row[] = JSON.parse(readFileSync(file, "utf8"));
    expect(rows.map(({ unit }) => unit)).toEqual(["ms", "modules", "modules"]);
    for (const row of rows) expect(Object.keys(row)).toEqual(["name", "value", "unit", "ratio", "against", "bound"]);
  });

  test("an unknown benchmark ends with exit code 2 and says which there are", () => {
    const { status, stderr } = bench("nothing");
    expect(status).toBe(2);
    expect(stderr).toContain('Unknown benchmark "nothing". Known: one, 16, 64, hot,');
  });
});
