import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, runCli, shopData } from "./run-cli.ts";

let data: string;

beforeAll(async () => {
  data = await shopData();
});

afterAll(() => rm(data, { recursive: true }));

describe("holdfast", () => {
  test("--help lists the commands, --version the version", async () => {
    const help = await runCli(["--help"]);
    expect(help.code).toBe(0);
    for (const command of [
      "dev",
      "events",
      "list",
      "export",
      "erase",
      "openapi",
      "manifest",
      "init",
      "dead-letters",
      "send",
      "diagram",
    ])
      expect(help.stdout).toContain(command);
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    expect((await runCli(["--version"])).stdout.trim()).toBe(version);
  });

  test.each([[["nope"]], [["events"]], [["events", "cart"]], [["openapi", "--nope"]], [[]]])(
    "%j is a usage error: exit code 2, said on standard error, without a stack trace",
    async (args) => {
      const { code, stdout, stderr } = await runCli(args);
      expect(code).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/error|Usage/);
      expect(stderr).not.toMatch(/^\s+at /m);
    },
  );

  test("events prints a readable history, without keys", async () => {
    const { code, stdout } = await runCli(["events", "cart", "u1", "--data", data]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/1 \d{4}-\d\d-\d\dT.*Z {2}addItem by ada/);
    expect(stdout).toContain('v1 itemAdded {"productId":"A-1","name":"Anchor","quantity":2}');
    expect(stdout).toContain('v2 checkedOut {"country":"AT"}');
    expect(stdout).not.toContain("secret-key");
  });

  test("events --json prints the records, one a line", async () => {
    const { stdout } = await runCli(["events", "cart", "u1", "--json"], { env: { HOLDFAST_DATA: data } });
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { sequence: number });
    expect(records.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  test("events shows that an entity was erased", async () => {
    const { stdout } = await runCli(["events", "cart", "gone", "--data", data]);
    expect(stdout).toContain("erased");
    expect(stdout).not.toContain("Anchor");
  });

  test("list prints ids, one a line, in order, page by page", async () => {
    expect((await runCli(["list", "cart", "--data", data])).stdout).toBe("gone\nu1\n");
    expect((await runCli(["list", "cart", "--data", data, "--limit", "1"])).stdout).toBe("gone\n");
    expect((await runCli(["list", "cart", "--data", data, "--after", "gone"])).stdout).toBe("u1\n");
    expect((await runCli(["list", "cart", "--data", data, "--tenant", "other"])).stdout).toBe("");
  });

  test("export prints all events as CloudEvents, in the order of their commits", async () => {
    const { stdout, stderr } = await runCli(["export", "--data", data]);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events).toMatchObject([
      {
        specversion: "1.0",
        id: expect.stringMatching(/^[0-9a-v]{20}-1$/),
        source: "/default/cart",
        type: "cart.itemAdded",
        subject: "u1",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        datacontenttype: "application/json",
        data: { productId: "A-1", name: "Anchor", quantity: 2 },
        version: 1,
      },
      { type: "cart.checkedOut", subject: "u1", version: 2, data: { country: "AT" } },
    ]);
    expect(stderr).toContain("2 events exported");
    expect((await runCli(["export", "--data", data, "--entity", "order"])).stdout).toBe("");
  });

  test("erase asks for --yes, then blanks the entity", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-erase-"));
    await cp(data, folder, { recursive: true });
    const asked = await runCli(["erase", "cart", "u1", "--data", folder]);
    expect(asked).toMatchObject({ code: 1, stderr: expect.stringContaining("Say --yes") });
    expect((await runCli(["events", "cart", "u1", "--data", folder])).stdout).toContain("Anchor");
    expect(await runCli(["erase", "cart", "u1", "--data", folder, "--yes"])).toMatchObject({ code: 0 });
    const after = await runCli(["events", "cart", "u1", "--data", folder]);
    expect(after.stdout).toContain("erased");
    expect(after.stdout).not.toContain("Anchor");
    expect((await runCli(["export", "--data", folder])).stdout).toBe("");
    expect(await runCli(["erase", "cart", "nobody", "--data", folder, "--yes"])).toMatchObject({ code: 1 });
    await rm(folder, { recursive: true });
  });

  test("manifest --check says what would break, and is content with what would not", async () => {
    const { stdout } = await runCli(["manifest"]);
    const file = join(data, "deployed.json");
    await writeFile(file, stdout);
    expect(await runCli(["manifest", "--check", file])).toMatchObject({ code: 0 });
    const deployed = JSON.parse(stdout) as {
      entities: { cart: { events: object; commands: string[]; revision: number } };
      subscriptions: object;
      workers: object;
      timers: object;
    };
    Object.assign(deployed.entities.cart.events, { giftAdded: 1, itemAdded: 2 });
    deployed.entities.cart.commands.push("wrap");
    deployed.entities.cart.revision = 3;
    Object.assign(deployed.entities, { wish: { events: {}, commands: [], revision: 1 } });
    Object.assign(deployed.subscriptions, { wishes: { from: "now", events: {} } });
    Object.assign(deployed.workers, { wishing: { queue: "wishes" } });
    Object.assign(deployed.timers, { wished: { cron: "* * * * *", zone: "UTC" } });
    await writeFile(file, JSON.stringify(deployed));
    const { code, stderr } = await runCli(["manifest", "--check", file]);
    expect(code).toBe(1);
    for (const text of [
      '"cart.giftAdded" is gone',
      "from version 2 to 1",
      '"cart.wrap" is gone',
      "from 3 to 1",
      '"wish" is gone',
      'subscription "wishes" is gone',
      'worker "wishing" is gone',
      'timer "wished" is gone',
    ]) {
      expect(stderr).toContain(text);
    }
    for (const text of ["{}", "null", '{"format":1,"entities":{}}', "{"]) {
      await writeFile(file, text);
      expect(await runCli(["manifest", "--check", file])).toMatchObject({ code: 2, stdout: "" });
    }
  });

  test("openapi, manifest and diagram tell of the app that they find", async () => {
    const openapi = JSON.parse((await runCli(["openapi"])).stdout) as { openapi: string; paths: object };
    expect(openapi.openapi).toMatch(/^3\.1/);
    expect(Object.keys(openapi.paths)).toContain("/api/cart/{id}/addItem");
    const manifest = JSON.parse((await runCli(["manifest"])).stdout) as { entities: object };
    expect(Object.keys(manifest.entities)).toContain("cart");
    const { stdout } = await runCli(["diagram"]);
    expect(stdout).toMatch(/^flowchart LR\n/);
    expect(stdout).toContain('queue__imports[("queue imports")] --> worker__imports("worker imports")');
  });
});
