// The linter's own bans, tried: each violation is planted in a temporary folder that mirrors the layout, under the
// project's real configuration, and one run over all of them must name the expected rule for each and spare the rest.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const oxlint = join(root, "node_modules/oxlint/bin/oxlint");

const directions = "holdfast(import-directions)";
const globals = "eslint(no-restricted-globals)";
const properties = "eslint(no-restricted-properties)";
const types = "typescript(no-restricted-types)";
const imports = "eslint(no-restricted-imports)";
const anyType = "typescript(no-explicit-any)";
const defaultExport = "import(no-default-export)";

interface Planted {
  readonly claim: string;
  /** Folder in which the file is planted, from the root. */
  readonly folder: string;
  readonly source: string;
  readonly rule: string;
}

function violation(rule: string, folder: string, source: string, claim: string): Planted {
  return { claim, folder, source, rule };
}

const planted: readonly Planted[] = [
  // Import directions.
  violation(directions, "src/core", `export * from "../http/index.ts";`, "core re-exports http"),
  violation(
    directions,
    "src/core/entity",
    `import type { A } from "../../local/a.ts";\nexport type B = A;`,
    "core imports a target's type",
  ),
  violation(
    directions,
    "src/core/entity",
    `export type B = import("../../local/a.ts").A;`,
    "core names a target in a type",
  ),
  violation(
    directions,
    "src/core/entity",
    `export const a = () => import("../../memory/index.ts");`,
    "core imports memory lazily",
  ),
  violation(directions, "src/core/entity", `export { a } from "./../../../src/cli/a.ts";`, "core takes a detour"),
  violation(
    directions,
    "src/core",
    `import { Hono } from "hono";\nexport const a = new Hono();`,
    "core imports a package",
  ),
  violation(
    directions,
    "src/core",
    `import { readFileSync } from "node:fs";\nexport const a = readFileSync;`,
    "core reads files",
  ),
  violation(
    directions,
    "src/core",
    `import { a } from "../index.ts";\nexport const b = a;`,
    "core imports the public root",
  ),
  violation(
    directions,
    "src/core",
    `import { holdfast } from "holdfast";\nexport const a = holdfast;`,
    "src imports the package by its name",
  ),
  violation(directions, "src/core", `export const a = (name: string) => import(name);`, "core imports a computed name"),
  violation(directions, "src/workflows", `export { a } from "../http/a.ts";`, "workflows import http"),
  violation(directions, "src/projections", `export { a } from "../workflows/a.ts";`, "projections import workflows"),
  violation(directions, "src/crdt", `export { a } from "../conductor/a.ts";`, "crdt imports the conductor"),
  violation(directions, "src/conductor", `export { a } from "../memory/a.ts";`, "the conductor imports a target"),
  violation(directions, "src/http", `export { a } from "../local/a.ts";`, "http imports a target"),
  violation(directions, "src/core", `export { trace } from "@opentelemetry/api";`, "core imports OpenTelemetry"),
  violation(directions, "src/telemetry", `export { a } from "../http/a.ts";`, "telemetry imports http"),
  violation(directions, "src/http", `export { serve } from "@hono/node-server";`, "http imports a server"),
  violation(directions, "src/local/journal", `export { a } from "../../azure/tables/a.ts";`, "local imports azure"),
  violation(directions, "src/local", `export { Client } from "@aws-sdk/client-sqs";`, "local imports an SDK of AWS"),
  violation(directions, "src/aws/lambda", `export { a } from "../../azure/functions/a.ts";`, "aws imports azure"),
  violation(directions, "src/aws/lambda", `export { app } from "@azure/functions";`, "aws imports an SDK of Azure"),
  violation(directions, "src/azure/tables", `export { DatabaseSync } from "node:sqlite";`, "azure imports SQLite"),
  violation(directions, "src/memory", `export { a } from "../local/a.ts";`, "memory imports local"),
  violation(
    directions,
    "src/client",
    `import { A } from "../core/a.ts";\nexport type B = A;`,
    "the client imports code of core",
  ),
  violation(directions, "src/client", `export type { A } from "../http/a.ts";`, "the client imports a type of http"),
  violation(directions, "src/testing", `export { a } from "../http/a.ts";`, "testing imports http"),
  violation(directions, "src/simulation", `export { a } from "../local/a.ts";`, "the simulation imports local"),
  violation(directions, "src/cli", `export { a } from "../../test/a.ts";`, "the cli imports a test"),
  violation(directions, "src/http", `export { a } from "../../examples/shop/a.ts";`, "http imports an example"),
  violation(
    directions,
    "src/azure/functions",
    `export { a } from "../../../functions/a.ts";`,
    "azure imports a deployable",
  ),
  violation(
    directions,
    "src/gcp",
    `export const a = 1;\nexport { b } from "../core/b.ts";`,
    "a folder without a row imports core",
  ),
  violation(directions, "functions/aws", `export { a } from "../../src/core/a.ts";`, "a deployable imports src"),
  violation(
    directions,
    "examples/shop",
    `export const a = () => import("../../src/index.ts");`,
    "an example imports src lazily",
  ),
  violation(directions, "bench", `export { a } from "../src/index.ts";`, "the benchmark imports src"),

  // Determinism.
  ...[
    "core",
    "workflows",
    "projections",
    "crdt",
    "conductor",
    "memory",
    "http",
    "testing",
    "simulation",
    "local",
    "aws",
    "azure",
  ].map((folder) => violation(globals, `src/${folder}`, `export const a = Date.now();`, `${folder} reads the clock`)),
  violation(
    globals,
    "src/core",
    `export const a = (value: unknown) => value instanceof Date;`,
    "core tests for a Date",
  ),
  violation(types, "src/core", `export interface A { readonly at: Date }`, "core has a Date in a type"),
  violation(
    globals,
    "src/core",
    `export const a = globalThis["Date"].now();`,
    "core reads the clock through globalThis",
  ),
  violation(globals, "src/core", `export const a = global.setTimeout;`, "core reaches a timer through global"),
  violation(globals, "src/core", `export const a = () => performance.now();`, "core measures time"),
  violation(globals, "src/core", `export const a = (f: () => void) => setTimeout(f, 1);`, "core sets a timeout"),
  violation(globals, "src/core", `export const a = { setInterval };`, "core hands out an interval"),
  violation(
    globals,
    "src/core",
    `export const a = (f: () => void) => setImmediate(f);`,
    "core defers to the next turn",
  ),
  violation(globals, "src/core", `export const a = process.env["A"];`, "core reads the environment"),
  violation(globals, "src/core", `export const a = crypto.randomUUID();`, "core makes an id from the global crypto"),
  violation(properties, "src/core", `export const a = Math.random();`, "core throws dice"),
  violation(properties, "src/core", `export const { random } = Math;`, "core takes the dice out of Math"),
  violation(properties, "src/core", `export const a = AbortSignal.timeout(5);`, "core sets a timeout through a signal"),
  ...["randomUUID", "randomBytes", "randomInt", "getRandomValues", "webcrypto"].map((name) =>
    violation(imports, "src/core", `export { ${name} } from "node:crypto";`, `core takes ${name} from node:crypto`),
  ),
  violation(
    imports,
    "src/core",
    `import * as crypto from "node:crypto";\nexport const a = crypto.randomUUID();`,
    "core imports all of node:crypto",
  ),
  violation(directions, "src/core", `export const a = () => import("node:crypto");`, "core imports node:crypto lazily"),
  violation(imports, "src/local/bus", `export { setTimeout } from "node:timers/promises";`, "local imports timers"),
  violation(imports, "src/local/bus", `export { env } from "node:process";`, "local imports the process"),
  violation(imports, "src/local/bus", `export { createRequire } from "node:module";`, "local makes itself a require"),
  violation(
    globals,
    "src/local/journal",
    `export const a = process.pid;`,
    "a room of local other than the host uses the process",
  ),
  violation(globals, "src/local/host", `export const a = Date.now();`, "the local host reads the clock"),

  // The rest.
  violation(anyType, "src/core", `export const a = (value: any) => value;`, "src has an any"),
  violation(anyType, "functions/aws", `export const a = (value: any) => value;`, "a deployable has an any"),
  violation(defaultExport, "src/core", `export default 1;`, "src has a default export"),
  violation(
    defaultExport,
    "src/cli",
    `const a = 1;\nexport { a as default };`,
    "src has a default export under another syntax",
  ),
  violation(
    "typescript(no-import-type-side-effects)",
    "src/core",
    `import { type A } from "./a.ts";\nexport type B = A;`,
    "a type import would load a module",
  ),
  violation(
    "unicorn(prefer-node-protocol)",
    "src/cli",
    `export { readFileSync } from "fs";`,
    "a builtin is named without node:",
  ),
];

/** Files that none of the bans may touch. */
const harmless: readonly (readonly [path: string, source: string])[] = [
  [
    "src/core/entity/harmless.ts",
    [
      `import type { StandardSchemaV1 } from "@standard-schema/spec";`,
      `import { Buffer } from "node:buffer";`,
      `import { createHash, type Hash } from "node:crypto";`,
      `import { now } from "../runtime/system.ts";`,
      `export interface Clock { readonly process: string; setTimeout(delayMs: number): void }`,
      `export const hash = (schema: StandardSchemaV1): Hash => createHash("sha256").update(Buffer.from(String(schema)));`,
      `export const max = (clock: Clock) => Math.max(now(), clock.process.length);`,
    ].join("\n"),
  ],
  [
    "src/core/runtime/system.ts",
    [
      `import { randomUUID } from "node:crypto";`,
      `export const now = () => Date.now();`,
      `export const random = () => Math.random();`,
      `export const id = () => randomUUID();`,
      `export const wait = (run: () => void, delayMs: number) => setTimeout(run, delayMs);`,
      `export const at = (time: number): Date => new Date(time);`,
    ].join("\n"),
  ],
  ["src/index.ts", `export * from "./core/a.ts";\nexport * from "./workflows/a.ts";`],
  ["src/workflows/a.ts", `export { a } from "../core/a.ts";`],
  [
    "src/http/a.ts",
    `import { Hono } from "hono";\nimport { a } from "../core/a.ts";\nexport const b = new Hono().get(a);`,
  ],
  ["src/local/journal/a.ts", `export { DatabaseSync } from "node:sqlite";\nexport { b } from "../../http/a.ts";`],
  [
    "src/local/host/a.ts",
    `export { serve } from "@hono/node-server";\nexport const stop = (run: () => void) => process.once("SIGTERM", run);`,
  ],
  [
    "src/azure/tables/a.ts",
    `export { a } from "../functions/a.ts";\nexport { TableClient } from "@azure/data-tables";`,
  ],
  [
    "src/aws/lambda/a.ts",
    `export { a } from "../dynamodb/a.ts";\nexport { DynamoDBClient } from "@aws-sdk/client-dynamodb";`,
  ],
  ["src/client/a.ts", `import type { A } from "../core/a.ts";\nexport const at = (a: A) => [a, Date.now()];`],
  ["src/testing/a.ts", `export { a } from "../core/a.ts";\nexport { b } from "../memory/a.ts";`],
  [
    "src/cli/a.ts",
    `import { now } from "../local/a.ts";\nexport const a = (app: string) => import(app + String(now) + process.pid + Date.now());`,
  ],
  [
    "functions/app.ts",
    `import { holdfast } from "holdfast";\nimport { shop } from "../examples/shop/app.ts";\nexport default holdfast(shop, Date.now());`,
  ],
  [
    "bench/main.ts",
    `import { createMemory } from "holdfast/memory";\nexport const a = () => createMemory(performance.now());`,
  ],
  ["test/core/a.test.ts", `import { a } from "../../src/core/a.ts";\nexport const b = a(new Date());`],
];

interface LintRun {
  readonly exitCode: number | null;
  /** Names of the rules that fired, by file (from the root, with slashes). */
  readonly rules: ReadonlyMap<string, ReadonlySet<string>>;
}

function lint(folder: string): LintRun {
  const run = spawnSync(process.execPath, [oxlint, "--deny-warnings", "--format=json"], {
    cwd: folder,
    encoding: "utf8",
  });
  const rules = new Map<string, Set<string>>();
  const report = JSON.parse(run.stdout) as { diagnostics: { code: string; filename: string }[] };
  for (const { code, filename } of report.diagnostics) {
    const path = filename.replaceAll("\\", "/");
    rules.set(path, (rules.get(path) ?? new Set()).add(code));
  }
  return { exitCode: run.status, rules };
}

/** A folder with the project's configuration of the linter and nothing else in it. */
function mirror(files: readonly (readonly [path: string, source: string])[]): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-lint-"));
  for (const name of [".oxlintrc.json", "scripts/import-directions.mjs"]) cpSync(join(root, name), join(folder, name));
  for (const [path, source] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${source}\n`);
  }
  return folder;
}

function pathOf(index: number): string {
  return `${planted[index]?.folder}/planted-${index}.ts`;
}

const folders: string[] = [];
let withViolations: LintRun;
let withoutViolations: LintRun;

beforeAll(() => {
  folders.push(mirror([...harmless, ...planted.map(({ source }, index) => [pathOf(index), source] as const)]));
  folders.push(mirror(harmless));
  [withViolations, withoutViolations] = folders.map(lint) as [LintRun, LintRun];
});

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe("the linter", () => {
  test("fails when something is planted and passes when nothing is", () => {
    expect(withViolations.exitCode).toBe(1);
    expect(Object.fromEntries(withoutViolations.rules)).toEqual({});
    expect(withoutViolations.exitCode).toBe(0);
  });

  test.each(planted.map((plant, index) => ({ ...plant, index })))("refuses that $claim", ({ rule, index }) => {
    expect([...(withViolations.rules.get(pathOf(index)) ?? [])]).toContain(rule);
  });

  test.each(harmless)("accepts %s", (path) => {
    expect([...(withViolations.rules.get(path) ?? [])]).toEqual([]);
  });
});

describe("src/", () => {
  /** A directive that silences every rule, or one of the bans. */
  const silencing =
    /(?:ox|es)lint-disable(?:-next-line|-line)?(?:\s*(?:\*\/|--|$)|.*(?:import-directions|no-restricted|no-explicit-any|no-default-export))/m;

  test("silences the linter neither wholesale nor on a ban", () => {
    const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" });
    const sources = names.filter((name) => name.endsWith(".ts"));
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.filter((name) => silencing.test(readFileSync(join(root, "src", name), "utf8")))).toEqual([]);
  });

  test.each([
    ["/* oxlint-disable */", true],
    ["// oxlint-disable-next-line -- a reason", true],
    ["// eslint-disable-line no-restricted-globals", true],
    ["// oxlint-disable-next-line no-shadow", false],
  ])("would be caught with %s: %s", (directive, caught) => {
    expect(silencing.test(`const a = 1;\n${directive}\nconst b = 2;`)).toBe(caught);
  });
});
