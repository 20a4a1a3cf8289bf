import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ServiceBusClient } from "@azure/service-bus";
import { expect, onTestFinished, test } from "vitest";
import { checkConfig } from "../../packages/service-bus-emulator/index.ts";
import { one } from "./fixtures.ts";

const packageFolder = new URL("../../packages/service-bus-emulator/", import.meta.url);
const main = fileURLToPath(new URL("main.ts", packageFolder));

function run(...args: string[]) {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => void child.once("close", (code) => resolve(code)));
  return { child, output, ended };
}

async function file(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "service-bus-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, "config.json");
  await writeFile(path, text);
  return path;
}

/** The README's first block of JSON. */
async function example(): Promise<string> {
  const readme = await readFile(new URL("README.md", packageFolder), "utf8");
  const [, json] = /```json\n([^`]*)```/u.exec(readme) ?? [];
  if (json === undefined) throw new Error("The README has no example.");
  return json;
}

test("the command serves the README's example until it is told to end", async () => {
  const config = checkConfig(JSON.parse(await example()));
  const { child, output, ended } = run(await file(JSON.stringify({ ...config, port: 0 })));
  await expect.poll(() => output.stdout, { timeout: 10_000 }).toMatch(/^Endpoint=sb:.*=true\n$/u);
  const client = new ServiceBusClient(output.stdout.trim());
  const [queue] = Object.entries(config.queues ?? {}).find(([, { requiresSession }]) => !requiresSession) ?? [];
  if (queue === undefined) throw new Error("The example has no queue without sessions.");
  await client.createSender(queue).sendMessages({ body: 1 });
  expect(await one(client.createReceiver(queue))).toMatchObject({ body: 1 });
  await client.close();
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  expect(output.stderr).toBe("");
});

test.each([
  [[], 2, "Usage"],
  [["a", "b"], 2, "Usage"],
  [["--help"], 2, "Usage"],
  [["/nobody/config.json"], 1, "no such file"],
] as const)("arguments %j end with %i and say why", async (args, code, text) => {
  const { ended, output } = run(...args);
  expect(await ended).toBe(code);
  expect(output.stderr).toMatch(text);
  expect(output.stdout).toBe("");
});

test("a file that is not right is refused with the place", async () => {
  const { ended, output } = run(await file('{ "queues": { "q": { "lockDurationMs": "1 minute" } } }'));
  expect(await ended).toBe(1);
  expect(output.stderr).toMatch('config.queues.q.lockDurationMs is "1 minute"');
});
