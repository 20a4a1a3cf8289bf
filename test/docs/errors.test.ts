import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HoldfastError, type Retry } from "holdfast";
import { expect, test } from "vitest";
import { publicError } from "../../src/http/status.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What docs/errors.md says of a code; no status for errors that do not come over HTTP. */
const documented = new Map<string, { readonly statuses: readonly number[]; readonly retry: Retry }>();
for (const line of readFileSync(join(root, "docs/errors.md"), "utf8").split("\n")) {
  const [, codes = "", statuses = "", retry = ""] = line.split("|");
  for (const [, code = ""] of codes.matchAll(/`([a-z-]+)`/g)) {
    // The column holds one of the three words.
    documented.set(code, { statuses: (statuses.match(/\d{3}/g) ?? []).map(Number), retry: retry.trim() as Retry });
  }
}

test("every code that the sources throw is documented", () => {
  const thrown = new Set<string>();
  for (const file of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    // The suites' handlers fail as an app's would.
    if (!file.endsWith(".ts") || file.startsWith("client") || file.startsWith("testing")) continue;
    const text = readFileSync(join(root, "src", file), "utf8");
    for (const [, code = ""] of text.matchAll(/new HoldfastError\(\s*"([a-z-]+)"/g)) thrown.add(code);
  }
  // Wrapped by others before anybody outside sees them.
  const inner = ["not-json", "invalid-decision"];
  expect([...thrown].filter((code) => !documented.has(code) && !inner.includes(code))).toEqual([]);
  expect(thrown.size).toBeGreaterThan(30);
});

test("every documented status is the one that is sent", () => {
  for (const [code, { statuses, retry }] of documented) {
    if (statuses.length === 0) continue;
    const { status } = publicError(new HoldfastError(code, "x", { retry }));
    expect(statuses, code).toEqual([status]);
  }
  expect(documented.size).toBeGreaterThanOrEqual(45);
});
