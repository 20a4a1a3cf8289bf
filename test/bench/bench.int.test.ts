import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseArguments, UsageError } from "../../bench/arguments.ts";
import { atOnce, compare, comparison, holds, keepBusy, median, type Bench, type Row } from "../../bench/harness.ts";
import { format, toJson, verdict } from "../../bench/report.ts";
import { compareStored, disturbedMs, goodput, hashOf, offeredOf, type Offered } from "../../bench/storm.ts";

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

describe("overload", () => {
  const one = (sent: number, answered: number, end: Offered["end"] = "accepted"): Offered => ({
    key: `k-${sent}`,
    sent,
    answered,
    hot: false,
    end,
  });

  test("a refusal is a 429 or 503 that says when to come back; what has no answer is of unknown outcome", () => {
    const status = [204, 200, 503, 429, 503, 500, 0];
    const zeros = status.map(() => 0);
    const retryAfter = [0, 0, 1, 1, 0, 1, 0];
    const answer = { from: 0, at: zeros, ms: zeros, status, retryAfter, hot: zeros, connections: 1, load: 0 };
    const ends = offeredOf("x", answer).map(({ end }) => end);
    expect(ends).toEqual(["accepted", "accepted", "refused", "refused", "failed", "failed", "unanswered"]);
  });

  test("goodput counts accepted answers by when they were there", () => {
    const offered = [one(0, 999), one(0, 1_000), one(900, 1_999), one(1_000, 1_500, "refused"), one(1_000, 2_000)];
    expect(goodput(offered, 1_000, 2_000)).toBe(2);
  });

  test("it is normal again after the last half second with a refusal or with slow answers", () => {
    const calm = [one(1_000, 1_010), one(1_600, 1_610), one(2_100, 2_110)];
    expect(disturbedMs([one(0, 0, "refused"), ...calm], 1_000, 50)).toBe(0);
    expect(disturbedMs([...calm, one(1_700, 1_701, "refused")], 1_000, 50)).toBe(1_000);
    expect(disturbedMs([...calm, one(2_499, 2_600)], 1_000, 50)).toBe(1_500);
  });

  test("what was accepted has to be stored once, what was refused not at all, the unknown as it pleases", () => {
    const offered = [one(1, 1), one(2, 2), one(3, 3, "refused"), one(4, 4, "failed"), one(5, 5, "unanswered")];
    const stored = (...sent: number[]) => sent.map((n) => hashOf(`k-${n}`));
    expect(compareStored(offered, stored(1, 2))).toEqual({ lost: 0, uninvited: 0 });
    expect(compareStored(offered, stored(1, 2, 5))).toEqual({ lost: 0, uninvited: 0 });
    expect(compareStored(offered, stored(1))).toEqual({ lost: 1, uninvited: 0 });
    expect(compareStored(offered, stored(1, 1, 2))).toEqual({ lost: 1, uninvited: 0 });
    expect(compareStored(offered, stored(1, 2, 3, 4))).toEqual({ lost: 0, uninvited: 2 });
  });
});

describe("the command line", () => {
  const known = ["one", "http"];

  test("names, switches and the file are read", () => {
    expect(parseArguments(["one", "--quick", "--json", "x.json"], known)).toEqual({
      names: ["one"],
      json: "x.json",
      quick: true,
      seconds: undefined,
      check: false,
      help: false,
    });
  });

  test.each([
    [["two"]],
    [["--fast"]],
    [["--json"]],
    [["--json", ""]],
    [["--quick=1"]],
    [["--seconds", "0"]],
    [["--seconds", "x"]],
  ])("%j is refused", (args) => {
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

  test("overloads a shop: what was accepted is stored, what was refused is not", () => {
    const file = join(folder, "overload.json");
    const { status, stderr } = bench("overload", "--seconds", "2", "--json", file);
    expect(status, stderr).toBe(0);
    const rows: readonly Row[] = JSON.parse(readFileSync(file, "utf8"));
    const valueOf = (name: string): number | undefined => rows.find((row) => row.name === name)?.value;
    expect(valueOf("accepted, but not stored once")).toBe(0);
    expect(valueOf("refused, but stored")).toBe(0);
    expect(valueOf("5,000/s offered to 500/s: accepted")).toBeGreaterThan(0);
    expect(valueOf("refused with 429 or 503 and Retry-After")).toBeGreaterThan(0);
  }, 60_000);

  test("an unknown benchmark ends with exit code 2 and says which there are", () => {
    const { status, stderr } = bench("nothing");
    expect(status).toBe(2);
    expect(stderr).toContain('Unknown benchmark "nothing". Known: one, 16, 64, hot,');
  });
});
