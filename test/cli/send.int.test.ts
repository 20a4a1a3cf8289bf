import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystem, holdfast, silentLogger } from "holdfast";
import { createSqliteJournal, serve } from "holdfast/local";
import * as z from "zod";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { runCli, shopData, type CliOptions } from "./run-cli.ts";

let data: string;

beforeAll(async () => {
  data = await shopData();
});

afterAll(() => rm(data, { recursive: true }));

const send = (args: readonly string[], options: CliOptions = {}) =>
  runCli(["send", ...args], { env: { HOLDFAST_DATA: data }, ...options });

/** What waits in a queue, in the order in which it came. */
async function waiting(queue: string) {
  const journal = createSqliteJournal({ file: join(data, "holdfast.db"), system: createSystem() });
  const { messages } = await journal.due(`queue:${queue}`, { now: Date.now(), limit: 10_000 });
  await journal.close();
  return messages.toSorted((a, b) => a.id - b.id).map(({ name, body, attributes }) => ({ name, body, attributes }));
}

test("a message goes into the queue with its id and attributes; its id is printed", async () => {
  const args = ["rows", '{"n":1}', "--id", "row 1", "--attribute", "a=1", "--attribute", "b=x=y"];
  expect(await send(args)).toEqual({
    code: 0,
    stdout: "row 1\n",
    stderr: 'No worker has ever run for queue "rows": what is sent waits for one.\n',
  });
  expect(await waiting("rows")).toEqual([{ name: "row 1", body: '{"n":1}', attributes: '{"a":"1","b":"x=y"}' }]);
});

test("without an argument the message is standard input", async () => {
  const { code, stdout } = await send(["stdin"], { input: '\n{"text":\n"ü"}\n' });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^[0-9a-v]{20}\n$/);
  expect(await waiting("stdin")).toEqual([{ name: stdout.trim(), body: '{"text":\n"ü"}', attributes: undefined }]);
  expect(await send(["stdin"], { input: "" })).toMatchObject({ code: 2, stdout: "" });
  expect(await send(["stdin"], { input: Buffer.from([0xff]) })).toMatchObject({
    code: 2,
    stderr: "Standard input is not valid UTF-8.\n",
  });
});

test("--lines sends a message for each line, in order", async () => {
  const lines = Array.from({ length: 1_201 }, (_, i) => `{"n":${i}}`);
  const { code, stdout } = await send(["lines", "--lines", "--attribute", "a=1"], {
    input: `${lines.join("\r\n")}\n\n`,
  });
  expect(code).toBe(0);
  const sent = await waiting("lines");
  expect(sent.map(({ body }) => body)).toEqual(lines);
  expect(sent.map(({ name }) => name)).toEqual(stdout.trim().split("\n"));
  expect(new Set(sent.map(({ attributes }) => attributes))).toEqual(new Set(['{"a":"1"}']));
});

test("one line that is no JSON, or too long, and nothing is sent", async () => {
  expect(await send(["refused", "--lines"], { input: '1\n\n{"a":}\n2\n' })).toEqual({
    code: 2,
    stdout: "",
    stderr: expect.stringMatching(/^Line 3 cannot be sent: The body is not JSON: .*\n$/),
  });
  const input = `1\n"${"x".repeat(256 * 1024)}"\n`;
  expect(await send(["refused", "--lines"], { input })).toMatchObject({
    code: 2,
    stderr: "Line 2 cannot be sent: The message has 262146 bytes; 261120 are allowed.\n",
  });
  expect(await waiting("refused")).toEqual([]);
});

test("--raw sends what it is given", async () => {
  await send(["raw", "--raw", "{not json"]);
  await send(["raw", "--raw"], { input: " a\n" });
  expect((await waiting("raw")).map(({ body }) => body)).toEqual(["{not json", " a\n"]);
});

test("a running host's worker gets it; who misspells the queue is told which there are", async () => {
  const h = holdfast();
  const seen: unknown[] = [];
  const thing = h.entity("thing", { initial: () => 0, events: {}, evolve: {} }).command("do", { decide: () => [] });
  const jobs = h.worker("jobs", {
    queue: "jobs",
    input: z.object({ n: z.number() }),
    handle: (input, { message }) => void seen.push({ input, message }),
  });
  const folder = await mkdtemp(join(tmpdir(), "holdfast-send-"));
  const options = { port: 0, data: folder, signals: false, logger: silentLogger };
  const host = await serve(h.app({ entities: [thing], workers: [jobs] }), options);
  try {
    const sent = await send(["jobs", '{"n":1}', "--id", "j1", "--attribute", "a=1", "--data", folder]);
    expect(sent).toEqual({ code: 0, stdout: "j1\n", stderr: "" });
    const message = { input: { n: 1 }, message: { id: "j1", attributes: { a: "1" } } };
    await vi.waitFor(() => expect(seen).toEqual([message]), { timeout: 10_000 });
    expect((await send(["job", "1", "--data", folder])).stderr).toBe(
      'No worker has ever run for queue "job": what is sent waits for one. Workers have run for jobs.\n',
    );
  } finally {
    await host.close();
    await rm(folder, { recursive: true });
  }
});
