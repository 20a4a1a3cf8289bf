import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSystem, holdfast, on, silentLogger } from "holdfast";
import { createSqliteJournal, serve, type SqliteJournal } from "holdfast/local";
import * as z from "zod";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { addDeadLetters, runCli, shopData } from "./run-cli.ts";

const start = Date.UTC(2026, 0, 1);
const failures = { attempts: 3, since: start };
const reason = { code: "TypeError", message: "It\nfailed." };

type Letter = Parameters<SqliteJournal["settle"]>[2]["changes"][number] & { readonly kind: "dead" };

/** Puts dead letters of a consumer there. */
async function bury(data: string, consumer: string, ...messages: readonly Letter["message"][]): Promise<void> {
  const journal = createSqliteJournal({ file: join(data, "holdfast.db"), system: createSystem() });
  await journal.take(consumer, { owner: "test", now: start, until: start + 1, longest: start + 1, start: "beginning" });
  const changes = messages.map((message) => ({ kind: "dead", message, failures, reason }) as const);
  expect(await journal.settle(consumer, "test", { position: 0, until: start, changes })).toBe(true);
  await journal.close();
}

async function newData(): Promise<string> {
  const data = await mkdtemp(join(tmpdir(), "holdfast-letters-"));
  onTestFinished(() => rm(data, { recursive: true }));
  return data;
}

describe("dead letters of every kind", () => {
  let data: string;
  const cart = (id: string) => ({ tenant: "default", entity: "cart", id });
  const letters = (...args: readonly string[]) => runCli(["dead-letters", ...args], { env: { HOLDFAST_DATA: data } });

  beforeAll(async () => {
    data = await shopData();
    const created = start + 60_000;
    await bury(
      data,
      "subscription:fulfilment",
      { stream: cart("u1"), sequence: 2, n: 1, created, again: "replay-1" },
      { stream: cart("gone"), sequence: 1, n: 1, created },
    );
    await bury(data, "sends", { stream: cart("u1"), sequence: 2, n: 1, created });
    await bury(data, "timers", { stream: cart("u1"), sequence: 7, name: "reminder", created });
    const body = "{\u001b[31mnot json\n";
    await bury(data, "queue:imports", { name: "row 7", body, attributes: '{"sheet":"spring"}', created });
    const tick = JSON.stringify({ tick: start, cron: "0 3 * * *", zone: "Europe/Vienna" });
    await bury(data, "timer:nightly", { body: tick, created });
  });

  afterAll(() => rm(data, { recursive: true }));

  test("list says of each what it is about and why it is dead, on two lines", async () => {
    const { code, stdout, stderr } = await letters("list");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(lines.filter((_, i) => i % 2 === 0)).toEqual([
      '    1 2026-01-01T00:00:00.000Z  subscription:fulfilment  cart "u1" v2 checkedOut',
      '    2 2026-01-01T00:00:00.000Z  subscription:fulfilment  cart "gone" (erased)',
      '    3 2026-01-01T00:00:00.000Z  sends  cart "u1" -> order "u1" open',
      '    4 2026-01-01T00:00:00.000Z  timers  cart "u1" timer reminder',
      "    5 2026-01-01T00:00:00.000Z  queue:imports  message row 7",
      "    6 2026-01-01T00:00:00.000Z  timer:nightly  tick of 2026-01-01T00:00:00.000Z",
    ]);
    expect(new Set(lines.filter((_, i) => i % 2 === 1))).toEqual(
      // What is erased keeps no text of an error either.
      new Set(["      TypeError after 3 attempts: It failed.", "      erased after 3 attempts"]),
    );
  });

  test.each([
    [
      ["--subscription", "fulfilment"],
      [1, 2],
    ],
    [["--sends"], [3]],
    [["--timers"], [4]],
    [["--queue", "imports"], [5]],
    [["--timer", "nightly"], [6]],
    [
      ["--after", "2"],
      [3, 4, 5, 6],
    ],
    [
      ["--after", "2", "--limit", "2"],
      [3, 4],
    ],
  ])("list %j has %j", async (args, ids) => {
    const { stdout } = await letters("list", "--json", ...args);
    const found = stdout.trim().split("\n");
    expect(found.map((line) => (JSON.parse(line) as { id: number }).id)).toEqual(ids);
  });

  test("list says when there are more, and whom there are none of", async () => {
    expect((await letters("list", "--limit", "5")).stderr).toBe("There are more: --after 5\n");
    expect(await letters("list", "--after", "6")).toEqual({ code: 0, stdout: "", stderr: "No dead letters.\n" });
    const { code, stderr } = await letters("list", "--subscription", "fulfillment");
    expect(code).toBe(0);
    expect(stderr).toContain("There has never been a subscription:fulfillment; there are queue:imports, sends, sub");
  });

  test("show tells all of an event, read from the journal", async () => {
    const { code, stdout } = await letters("show", "1");
    expect(code).toBe(0);
    for (const text of [
      "tenant     default",
      "replay     replay-1",
      "of 2026-01-01T",
      "3 attempts",
      '"country": "AT"',
    ]) {
      expect(stdout).toContain(text);
    }
    const view = JSON.parse((await letters("show", "1", "--json")).stdout) as object;
    expect(view).toEqual({
      id: 1,
      consumer: "subscription:fulfilment",
      reason,
      attempts: 3,
      since: "2026-01-01T00:00:00.000Z",
      created: "2026-01-01T00:01:00.000Z",
      replay: "replay-1",
      tenant: "default",
      event: expect.objectContaining({ type: "cart.checkedOut", version: 2, data: { country: "AT" } }),
    });
  });

  test("show prints a foreign body as text, without what would steer the terminal", async () => {
    const { stdout } = await letters("show", "5");
    expect(stdout).toContain('attributes {"sheet":"spring"}');
    expect(stdout).toContain("\n\n{\\u{1b}[31mnot json\n");
    expect(JSON.parse((await letters("show", "5", "--json")).stdout)).toMatchObject({
      message: { id: "row 7", body: "{\u001b[31mnot json\n", attributes: { sheet: "spring" } },
    });
  });

  test.each([
    ["2", { erased: { entity: "cart", id: "gone" } }],
    ["3", { command: { from: { entity: "cart", id: "u1" }, entity: "order", id: "u1", command: "open" } }],
    ["4", { timer: { entity: "cart", id: "u1", name: "reminder" } }],
    ["6", { tick: { time: "2026-01-01T00:00:00.000Z", cron: "0 3 * * *", zone: "Europe/Vienna" } }],
  ])("show %s tells what it is about", async (id, view) => {
    expect(JSON.parse((await letters("show", id, "--json")).stdout)).toMatchObject(view);
    expect((await letters("show", id)).code).toBe(0);
  });

  test("what is not there is an error, and then nothing else is done either", async () => {
    expect(await letters("show", "7")).toEqual({ code: 1, stdout: "", stderr: "There is no dead letter 7.\n" });
    expect(await letters("drop", "1", "7", "8", "--yes")).toEqual({
      code: 1,
      stdout: "",
      stderr: "There is no dead letter 7.\nThere is no dead letter 8.\n",
    });
    expect(await letters("redrive", "--all", "--queue", "import")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^There has never been a queue:import; there are queue:imports, /),
    });
    expect((await letters("list", "--json")).stdout.trim().split("\n")).toHaveLength(6);
  });

  test("what is erased shows so", async () => {
    await addErasure();
    expect((await letters("list")).stdout).toContain('sends  cart "u1" (erased)\n      erased after 3 attempts\n');
    const { stdout } = await letters("show", "1");
    expect(stdout).toContain("erased");
    expect(stdout).not.toContain("AT");
    expect(stdout).not.toContain("failed.");
  });

  async function addErasure(): Promise<void> {
    expect(await runCli(["erase", "cart", "u1", "--yes", "--data", data])).toMatchObject({ code: 0 });
  }
});

test("drop asks for --yes, and drops what was named, or all of one consumer", async () => {
  const data = await newData();
  await shopData(data);
  await addDeadLetters(data);
  const letters = (...args: readonly string[]) => runCli(["dead-letters", ...args, "--data", data]);
  expect(await letters("drop", "--all")).toEqual({
    code: 1,
    stdout: "",
    stderr: "This would drop 2 dead letters for good. Say --yes.\n",
  });
  expect((await letters("drop", "1", "1", "--yes")).stdout).toBe("1 dead letter dropped.\n");
  expect((await letters("drop", "--all", "--queue", "imports", "--yes")).stdout).toBe("0 dead letters dropped.\n");
  expect((await letters("drop", "--all", "--subscription", "payment", "--yes")).stdout).toBe(
    "1 dead letter dropped.\n",
  );
  expect((await letters("list")).stdout).toBe("");
});

test("redrive --all puts thousands back, in batches", async () => {
  const data = await newData();
  await shopData(data);
  const messages = Array.from({ length: 1_203 }, (_, i) => ({ name: `m${i}`, body: "1", created: start }));
  await bury(data, "queue:imports", ...messages);
  await bury(data, "queue:others", { name: "m", body: "1", created: start });
  const redriven = await runCli(["dead-letters", "redrive", "--all", "--queue", "imports", "--data", data]);
  expect(redriven).toEqual({ code: 0, stdout: "1203 dead letters put back.\n", stderr: "" });
  const { stdout } = await runCli(["dead-letters", "list", "--json", "--data", data]);
  expect(JSON.parse(stdout)).toMatchObject({ consumer: "queue:others" });
});

test("a running host tries again what was redriven, at the consumer that it came from only", async () => {
  const h = holdfast();
  const thing = h
    .entity("thing", { initial: () => 0, events: { done: z.object({}) }, evolve: { done: (count) => count + 1 } })
    .command("do", { decide: (_count, _input, { events }) => events.done({}) });
  const seen: string[] = [];
  let isBroken = true;
  const subscription = (name: string) =>
    h.subscription(name, {
      to: [on(thing.events.done)],
      maxAttempts: 1,
      handle: ({ subject }) => {
        if (isBroken) throw new Error("broken");
        seen.push(`${name} ${subject}`);
      },
    });
  const app = h.app({ entities: [thing], subscriptions: [subscription("one"), subscription("two")] });
  const data = await newData();
  const host = await serve(app, { port: 0, data, signals: false, logger: silentLogger });
  const letters = (...args: readonly string[]) => runCli(["dead-letters", ...args, "--data", data]);
  try {
    await host.runtime.call(thing, "a").do();
    await host.runtime.call(thing, "b").do();
    await vi.waitFor(async () => expect((await letters("list", "--json")).stdout.trim().split("\n")).toHaveLength(4), {
      timeout: 20_000,
    });
    isBroken = false;
    expect((await letters("redrive", "--all", "--subscription", "one")).stdout).toBe("2 dead letters put back.\n");
    await vi.waitFor(() => expect(seen.toSorted()).toEqual(["one a", "one b"]), { timeout: 10_000 });
    const { stdout } = await letters("list", "--json");
    const left = stdout.trim().split("\n");
    expect(left.map((line) => JSON.parse(line) as object)).toMatchObject([
      { consumer: "subscription:two" },
      { consumer: "subscription:two" },
    ]);
  } finally {
    await host.close();
  }
});
