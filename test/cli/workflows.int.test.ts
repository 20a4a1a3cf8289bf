import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRuntime, HoldfastError, systemPrincipal } from "holdfast";
import { createSqliteJournal, runLocal } from "holdfast/local";
import { createTestApp, createVirtualSystem } from "holdfast/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSystem } from "../../src/core/runtime/system.ts";
import { runCli, type Ran } from "./run-cli.ts";
import app, { approval, nap } from "./workflow-app.ts";
import { appOptions, fill, testWorkflowCommands } from "./workflow-commands.ts";

let data: string;
const folders: string[] = [];

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "holdfast-workflows-"));
  folders.push(made);
  return made;
}

const open = (at: string) => createSqliteJournal({ file: join(at, "holdfast.db"), system: createSystem() });

const holdfast = (at: string, ...args: readonly string[]): Promise<Ran> =>
  runCli(["workflows", ...args, ...appOptions, "--data", at]);

afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true });
});

describe("the commands on this machine", () => {
  let position = 0;

  beforeAll(async () => {
    data = await folder();
    const journal = open(data);
    await fill(journal);
    await journal.close();
  });

  testWorkflowCommands(() => ({
    env: { HOLDFAST_DATA: data },
    // What a host reads on behind its cursor.
    async woken() {
      const journal = open(data);
      const records = await journal.recordsAfter(position, 1_000);
      position = records.at(-1)?.position ?? position;
      await journal.close();
      return records.flatMap(({ stream, record }) =>
        (JSON.parse(record.entries) as { readonly events?: readonly { readonly type: string }[] }[]).flatMap(
          ({ events = [] }) => events.map(({ type }) => `${stream.id} ${type}`),
        ),
      );
    },
  }));

  test("events of a workflow can be read", async () => {
    const { code, stdout } = await runCli(["events", "approval", "a1", "--data", data]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ start by system\n {6}v1 started \{"input":\{"what":"tool of a1"/);
    expect(stdout).toMatch(/ cancel by cli:\S+\n {6}v\d cancelRequested /);
  });
});

test("a running host goes on with what the commands have told it", { timeout: 30_000 }, async () => {
  const at = await folder();
  const host = (await runLocal(app, { data: at, port: 0, signals: false })) ?? expect.fail();
  try {
    const id = "h1";
    await host.runtime.call(approval, id).start({ what: "rope" });
    const view = () => host.runtime.view({ entity: "approval", id, principal: systemPrincipal });
    await expect.poll(view).toMatchObject({ view: { waiting: [{ kind: "until" }] } });
    expect((await holdfast(at, "cancel", "approval", id)).stdout).toBe('approval "h1" is being cancelled.\n');
    await expect.poll(view, { timeout: 10_000 }).toMatchObject({ view: { status: "cancelled" } });
    const { stdout } = await holdfast(at, "show", "approval", id);
    expect(stdout).toContain("  cancelled: workflow-cancelled: The workflow was cancelled.\n");
    expect(stdout).toContain("  run undo close ticket done\n");
    expect(await holdfast(at, "cancel", "approval", id)).toEqual({
      code: 1,
      stdout: "",
      stderr: "Workflow approval is cancelled. (workflow-ended)\n",
    });
  } finally {
    await host.close();
  }
});

describe("a history", () => {
  test("says what failed, what was tried again, what came, and what timed out; values are shortened, but not in JSON", async () => {
    const at = await folder();
    const journal = open(at);
    const runtime = createRuntime(app, { journal, system: createVirtualSystem() });
    await runtime.call(approval, "a1").start({ what: "x".repeat(500) });
    const facts = [
      {
        is: "failed",
        n: 1,
        kind: "run",
        name: "pay\u001b[2J\nnow",
        attempts: 2,
        due: 0,
        failure: { code: "Err", message: "off\u0007" },
      },
      { is: "woke", n: 1 },
      { is: "done", n: 1, kind: "run", name: "pay", value: "y".repeat(500) },
      { is: "began", n: 2, kind: "child", name: "nap", child: "n1" },
      { is: "began", n: 3, kind: "until", name: "approved", due: 86_400_000 },
      { is: "woke", n: 3 },
      { is: "began", n: 4, kind: "sleep", name: "sleep", due: 86_400_000 },
      { is: "woke", n: 4 },
      { is: "done", n: 5, kind: "call", name: "note.write", failure: { code: "call-failed", message: "no" } },
      ...[6, 7, 8, 9].map((n) => ({ is: "began", n, kind: "until", name: "refused" })),
    ];
    const input = { owner: "me", was: "", run: 1, known: 0, facts, over: [] };
    await runtime.execute({ entity: "approval", id: "a1", command: "advance", input, principal: systemPrincipal });
    await runtime.call(approval, "a1")["signal-refused"]({});
    await runtime.close();
    await journal.close();
    const { stdout } = await holdfast(at, "show", "approval", "a1");
    expect(stdout).toContain(`input      {"what":"${"x".repeat(191)}...\n`);
    expect(stdout.slice(stdout.indexOf("\n\n") + 2)).toBe(
      [
        "    1 2026-01-01T00:00:00.000Z  run pay\\u{1b}[2J now failed, attempt 2, the next at 1970-01-01T00:00:00.000Z: Err: off\\u{7}",
        "    1 2026-01-01T00:00:00.000Z  run pay\\u{1b}[2J now is tried again",
        `    1 2026-01-01T00:00:00.000Z  run pay done "${"y".repeat(199)}...`,
        '    2 2026-01-01T00:00:00.000Z  child nap "n1" began',
        "    3 2026-01-01T00:00:00.000Z  until approved began, until 1970-01-02T00:00:00.000Z",
        "    3 2026-01-01T00:00:00.000Z  until approved timed out",
        "    4 2026-01-01T00:00:00.000Z  sleep began, until 1970-01-02T00:00:00.000Z",
        "    4 2026-01-01T00:00:00.000Z  sleep is over",
        "    5 2026-01-01T00:00:00.000Z  call note.write failed: call-failed: no",
        ...[6, 7, 8, 9].map((n) => `    ${n} 2026-01-01T00:00:00.000Z  until refused began`),
        "      2026-01-01T00:00:00.000Z  signal refused {}",
        "",
      ].join("\n"),
    );
    expect((await holdfast(at, "list", "approval")).stdout).toContain(
      "waits for child nap\n      waits for signal refused\n      waits for signal refused\n      and for 2 more\n",
    );
    const { history, ...line } = JSON.parse((await holdfast(at, "show", "approval", "a1", "--json")).stdout) as {
      readonly history: readonly unknown[];
    };
    expect(line).toMatchObject({ input: { what: "x".repeat(500) }, status: "running", facts: 14 });
    expect(history[2]).toEqual({ time: "2026-01-01T00:00:00.000Z", fact: facts[2] });
  });
});

test("a workflow whose driver has given up is shown with its dead letter", async () => {
  const at = await folder();
  const journal = open(at);
  const gone = { ...approval.driver.definition, handle: () => Promise.reject(new HoldfastError("lost", "No driver.")) };
  const broken = { ...app, subscriptions: new Map([["approval", gone]]) };
  const run = createTestApp(broken, { journal });
  await run.started;
  for (const id of ["a1", "a2"]) await run.call(approval, id).start({ what: "hat" });
  await run.delivered();
  await run.close();
  const [, second] = await journal.dead({ limit: 9 });
  await journal.close();
  const { stream, id } = second ?? expect.fail();
  const { stdout } = await holdfast(at, "show", "approval", stream?.id ?? "");
  expect(stdout).toContain(
    `\nstuck      it is a dead letter (lost: No driver.): holdfast dead-letters redrive ${id}\n`,
  );
});

describe("many workflows", () => {
  let at: string;

  beforeAll(async () => {
    at = await folder();
    const journal = open(at);
    const runtime = createRuntime(app, { journal, system: createSystem() });
    const ids = Array.from({ length: 1_100 }, (_, i) => `n${String(i).padStart(4, "0")}`);
    await Promise.all(ids.map((id) => runtime.call(nap, id).start({})));
    await runtime.close();
    await journal.close();
  });

  test("are listed page by page, each once, in their order", async () => {
    const listed: string[] = [];
    const pages: number[] = [];
    for (let after: readonly string[] = []; ; ) {
      const { stdout, stderr } = await holdfast(at, "list", "nap", "--limit", "400", "--json", ...after);
      const ids = stdout
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { readonly id: string }).id);
      listed.push(...ids);
      pages.push(ids.length);
      const [, next] = /^There are more: workflows list nap --after (\S+)\n$/.exec(stderr) ?? [];
      if (next === undefined) break;
      after = ["--after", next];
    }
    expect(pages).toEqual([400, 400, 300]);
    expect(listed).toEqual(Array.from({ length: 1_100 }, (_, i) => `n${String(i).padStart(4, "0")}`));
  });

  test("of which none is so are looked through to the end", async () => {
    expect(await holdfast(at, "list", "nap", "--status", "failed")).toEqual({
      code: 0,
      stdout: "",
      stderr: "No nap is failed.\n",
    });
    const all = await holdfast(at, "list", "nap", "--limit", "2000");
    expect(all.stdout.trim().split("\n")).toHaveLength(1_100);
    expect(all.stderr).toBe("");
  });
});

describe("what is not as it should be", () => {
  let at: string;

  beforeAll(async () => {
    at = await folder();
    const journal = open(at);
    const run = createTestApp(app, { journal });
    await run.started;
    await run.call(approval, "right\u202eleft").start({ what: "hat" });
    await run.call(approval, "gone").start({ what: "cap" });
    await run.call(approval, "old").start({ what: "coat" });
    await run.delivered();
    await run.erase({ entity: "approval", id: "gone", principal: systemPrincipal });
    await run.close();
    // Newer code has written it.
    const stream = { tenant: "default", entity: "approval", id: "new" };
    const record = { sequence: 1, id: "1".repeat(20), previous: "", time: 0, version: 1, keys: "[]" };
    const entries = '[{"id":"22222222222222222222","command":"start","events":[{"type":"dreamt","data":{}}]}]';
    await journal.append({ stream, record: { ...record, entries } as never });
    await journal.close();
  });

  test("is listed and shown all the same: what was erased, what newer code wrote, ids that would steer a terminal", async () => {
    const { stdout, stderr, code } = await holdfast(at, "list");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(stdout).toMatch(/ approval "gone" {2}erased\n/);
    expect(stdout).toMatch(/ approval "new" {2}unreadable\n {6}unknown-event: Entity "approval" holds event "dreamt"/);
    expect(stdout).toMatch(/ approval "right\\u\{202e\}left" {2}running {2}2 facts\n/);
    expect(stdout).not.toContain("\u202e");
    const shown = await holdfast(at, "show", "approval", "right\u202eleft");
    expect(shown.stdout).toContain("\nid         right\\u{202e}left\n");
    expect((await holdfast(at, "show", "approval", "gone")).stdout).toContain("status     erased\n");
    expect(await holdfast(at, "cancel", "approval", "gone")).toMatchObject({
      code: 1,
      stderr: 'approval "gone" was erased; its id is never used again.\n',
    });
    expect((await holdfast(at, "list", "--status", "unreadable", "--json")).stdout).toMatch(
      /^\{"workflow":"approval","id":"new","status":"unreadable",.*\}\n$/,
    );
  });

  test.each<readonly [string, readonly string[], number, string]>([
    [
      "a workflow that is not there",
      ["list", "approvals"],
      2,
      'The app has no workflow "approvals". It has approval, nap.\n',
    ],
    ["an entity", ["show", "note", "n1"], 2, 'Entity "note" is no workflow of the app. It has approval, nap.\n'],
    ["a name that is none", ["list", "a b"], 2, "Workflow"],
    ["an id that is none", ["show", "approval", "a/b"], 2, "a/b"],
    ["an id that is not there", ["show", "approval", "a9"], 1, 'There is no workflow approval "a9".\n'],
    ["to cancel what is not there", ["cancel", "approval", "a9"], 1, 'There is no workflow approval "a9".\n'],
    [
      "to retry what is not there",
      ["retry", "nap", "a9"],
      1,
      'There is no workflow nap "a9". Tenant "default" has: approval.\n',
    ],
    [
      "another tenant",
      ["show", "approval", "old", "--tenant", "acme"],
      1,
      'There is no workflow approval "old". Tenant "acme" has no entity at all.\n',
    ],
    ["a status that none has", ["list", "--status", "asleep"], 2, "Allowed choices are running, completed"],
    ["a limit that is none", ["list", "--limit", "0"], 2, "whole number from 1"],
    [
      "--after of no workflow",
      ["list", "--after", "a1"],
      2,
      "--after is an id of one workflow: name the workflow, too.\n",
    ],
    ["neither an id nor all", ["retry", "approval"], 2, "Name an id, or say --all, not both.\n"],
    ["an id and all", ["retry", "approval", "a1", "--all"], 2, "Name an id, or say --all, not both.\n"],
    [
      "options of another target",
      ["cancel", "approval", "a1", "--service-bus", "b"],
      2,
      "--service-bus is of the target azure",
    ],
  ])("is said: %s", async (_, args, code, message) => {
    const ran = await holdfast(at, ...args);
    expect(ran.stderr).toContain(message);
    expect(ran).toMatchObject({ code, stdout: "" });
  });

  test("is said of an app without workflows, and of a store without any", async () => {
    const shop = await runCli(["workflows", "list", "--app", "examples/shop/app.ts", "--data", at]);
    expect(shop).toEqual({ code: 1, stdout: "", stderr: "The app has no workflows.\n" });
    const one = await runCli(["workflows", "show", "cart", "u1", "--app", "examples/shop/app.ts", "--data", at]);
    expect(one.stderr).toBe('Entity "cart" is no workflow of the app. It has none.\n');
    const empty = await folder();
    const journal = open(empty);
    await journal.close();
    expect(await holdfast(empty, "list")).toEqual({
      code: 0,
      stdout: "",
      stderr: "Nothing is stored of approval or nap.\n",
    });
    expect((await holdfast(empty, "list", "nap")).stderr).toBe(
      'Nothing is stored of nap. Tenant "default" has no entity at all.\n',
    );
    expect((await holdfast(join(empty, "none"), "list")).stderr).toContain("There is no journal at");
  });
});
