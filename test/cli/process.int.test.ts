import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, runCli, shopData, startCli } from "./run-cli.ts";

let data: string;

beforeAll(async () => {
  data = await shopData();
});

afterAll(() => rm(data, { recursive: true }));

describe("a reader that has gone", () => {
  test.each([
    "export",
    "events cart u1",
    "events cart u1 --json",
    "list cart",
    "openapi",
    "manifest",
    "diagram",
    "--help",
  ])("ends %s without a word, with the exit code of SIGPIPE", async (command) => {
    const child = startCli(command.split(" "), { env: { HOLDFAST_DATA: data } });
    if (!child.stdout || !child.stderr) throw new Error("the command has no outputs");
    // Closed long before Node has started: each write meets a closed pipe.
    child.stdout.destroy();
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
    expect({ code, stderr }).toEqual({ code: 141, stderr: "" });
  });
});

describe("a Node that is too old", () => {
  test("is told so by the tool, with the version that package.json names", async () => {
    const { code, stdout, stderr } = await runCli(["list", "cart"], { flags: ["--no-experimental-sqlite"] });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const { engines } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { engines: { node: string } };
    expect(stderr).toContain(
      `Holdfast needs Node ${engines.node} with node:sqlite, and this is Node ${process.version.slice(1)}`,
    );
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("is told so by every npm script that runs the sources", async () => {
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const sources = Object.entries(scripts).filter(([, line]) => /\bnode .*\.ts\b|vitest/.test(line));
    expect(sources.map(([name]) => name)).toEqual(expect.arrayContaining(["start", "test", "bench", "holdfast"]));
    for (const [name, line] of sources) expect(line, name).toMatch(/^node scripts\/require-node\.mjs && /);

    const child = spawn(process.execPath, ["--no-experimental-strip-types", "scripts/require-node.mjs"], { cwd: root });
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
    expect(code).toBe(1);
    expect(stderr).toContain("Run `npm ci`");
  });
});
