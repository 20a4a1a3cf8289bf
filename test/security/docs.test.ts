import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defaultLimits } from "holdfast";
import { defaultServerLimits } from "holdfast/local";
import { expect, test } from "vitest";

import { httpSettings } from "../../src/http/options.ts";
import { jwtSettings } from "../../src/jwt/options.ts";

const page = readFileSync(join(fileURLToPath(new URL("../../", import.meta.url)), "docs/security.md"), "utf8");

/** Option to what its row says is the default. */
const rows = new Map<string, string>();
for (const [, options = "", value = ""] of page.matchAll(/^\| (`[^|]+`) \| *([^|]*?) *\|/gm)) {
  const names = [...options.matchAll(/`([\w.]+)`/g)].map(([, name = ""]) => name);
  const values = names.length > 1 ? value.split(", ") : [value];
  names.forEach((name, i) => rows.set(name, values[i] ?? values[0] ?? ""));
}

const units: Readonly<Record<string, number>> = {
  KiB: 1_024,
  MiB: 1_024 * 1_024,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
};

/** `1,000 a second, burst 2,000` -> [1000, 2000]; `16 KiB` -> [16384] */
function numbersIn(text: string): number[] {
  return [...text.matchAll(/([\d,]*\d)(?: (KiB|MiB|s|min|h)\b)?/g)].map(
    ([, digits = "", unit]) =>
      Number(digits.replaceAll(",", "")) * (unit === undefined ? 1 : (units[unit] ?? Number.NaN)),
  );
}

/** What is no limit. */
const others = new Set(["challenge", "live", "Response"]);

test("the table of limits has every limit, with the default that the code has", () => {
  const { keys, ...limits } = defaultLimits;
  const defaults: readonly (readonly [group: string, values: object])[] = [
    ["http", httpSettings({})],
    ["server", defaultServerLimits],
    ["limits", limits],
    ["limits.keys", keys],
  ];
  let compared = 0;
  for (const [group, values] of defaults) {
    for (const [name, value] of Object.entries(values) as [string, unknown][]) {
      if (others.has(name)) continue;
      const text = rows.get(`${group}.${name}`);
      expect(text, `${group}.${name} has a row`).toBeDefined();
      if (value === false || value === Number.MAX_SAFE_INTEGER) {
        expect([name, ["false", "none"]]).toEqual([name, expect.arrayContaining([text])]);
      } else {
        const expected = typeof value === "object" && value !== null ? Object.values(value) : [value];
        expect([name, numbersIn(text ?? "")]).toEqual([name, expected]);
      }
      compared++;
      rows.delete(`${group}.${name}`);
    }
  }
  expect(compared).toBeGreaterThan(35);
  expect([...rows.keys()].filter((name) => /^(http|server|limits)\./.test(name))).toEqual([]);
});

test("the table of token options has every option, with the default that the code has", () => {
  const settings = jwtSettings({ issuer: "i", audience: "a", jwks: "https://i/jwks" });
  for (const [name, value] of Object.entries(settings) as [string, unknown][]) {
    if (name === "system") continue;
    const text = rows.get(name);
    expect(text, `${name} has a row`).toBeDefined();
    if (typeof value === "number") expect([name, numbersIn(text ?? "")]).toEqual([name, [value]]);
    if (typeof value === "boolean") expect([name, text]).toEqual([name, String(value)]);
  }
  expect(rows.get("algorithms")).toContain(settings.algorithms.join(", "));
  expect(rows.get("idClaim")).toBe(`\`${settings.idClaim}\``);
  expect([...rows.keys()]).toEqual(expect.arrayContaining(["keys", "secret", "tenantClaim", "typ"]));
});
