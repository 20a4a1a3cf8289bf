import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createRuntime, createSystem, systemPrincipal } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import shop from "../../examples/shop/app.ts";
import { cart } from "../../examples/shop/cart.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const main = join(root, "src/cli/main.ts");

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const holdfast = async (args: readonly string[], cwd = root, env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
  promisify(execFile)(process.execPath, ["--conditions=holdfast-source", main, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...env },
  }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: Ran) => error,
  );

let data: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "holdfast-cli-"));
  const journal = createSqliteJournal({ file: join(data, "holdfast.db"), system: createSystem() });
  const runtime = createRuntime(shop, { journal });
  const add = (id: string, quantity: number) =>
    runtime.execute({
      entity: "cart",
      id,
      command: "addItem",
      input: { productId: "A-1", name: "Anchor", quantity },
      key: "secret-key",
      principal: { ...systemPrincipal, kind: "user", id: "ada" },
    });
  await add("u1", 2);
  await runtime.call(cart, "u1").checkout({ country: "AT" });
  await add("gone", 1);
  await runtime.erase({ entity: "cart", id: "gone", principal: systemPrincipal });
  await runtime.close();
  await journal.close();
});

afterAll(() => rm(data, { recursive: true }));

describe("holdfast", () => {
  test("--help lists the commands, --version the version", async () => {
    const help = await holdfast(["--help"]);
    expect(help.code).toBe(0);
    for (const command of ["dev", "events", "list", "export", "erase", "openapi", "manifest"])
      expect(help.stdout).toContain(command);
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    expect((await holdfast(["--version"])).stdout.trim()).toBe(version);
  });

  test.each([[["nope"]], [["events"]], [["events", "cart"]], [["openapi", "--nope"]], [[]]])(
    "%j is a usage error: exit code 2, said on standard error, without a stack trace",
    async (args) => {
      const { code, stdout, stderr } = await holdfast(args);
      expect(code).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/error|Usage/);
      expect(stderr).not.toMatch(/^\s+at /m);
    },
  );

  test("events prints a readable history, without keys", async () => {
    const { code, stdout } = await holdfast(["events", "cart", "u1", "--data", data]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/1 \d{4}-\d\d-\d\dT.*Z {2}addItem by ada/);
    expect(stdout).toContain('v1 itemAdded {"productId":"A-1","name":"Anchor","quantity":2}');
    expect(stdout).toContain('v2 checkedOut {"country":"AT"}');
    expect(stdout).not.toContain("secret-key");
  });

  test("events --json prints the records, one a line", async () => {
    const { stdout } = await holdfast(["events", "cart", "u1", "--json"], root, { HOLDFAST_DATA: data });
    const records = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { sequence: number });
    expect(records.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  test("events shows that an entity was erased", async () => {
    const { stdout } = await holdfast(["events", "cart", "gone", "--data", data]);
    expect(stdout).toContain("erased");
    expect(stdout).not.toContain("Anchor");
  });

  test.each([
    [["events", "cart", "nobody"], 'Nothing is stored of cart "nobody"'],
    [["events", "cart", "a/b"], "The id holds one of"],
    [["events", "cart", "u1", "--data", "/nowhere"], "There is no journal at"],
    [["manifest", "--app", "nowhere.ts"], "There is no file nowhere.ts"],
    [["manifest", "--app", "package.json"], "could not be loaded"],
    [["manifest", "--app", "vitest.config.ts"], "does not export an app"],
  ])("%j fails with a message, exit code 1, no stack trace", async (args, text) => {
    const withData = args.includes("--data") || args[0] !== "events" ? args : [...args, "--data", data];
    const { code, stderr } = await holdfast(withData);
    expect(code).toBe(1);
    expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  test("list prints ids, one a line, in order, page by page", async () => {
    expect((await holdfast(["list", "cart", "--data", data])).stdout).toBe("gone\nu1\n");
    expect((await holdfast(["list", "cart", "--data", data, "--limit", "1"])).stdout).toBe("gone\n");
    expect((await holdfast(["list", "cart", "--data", data, "--after", "gone"])).stdout).toBe("u1\n");
    expect((await holdfast(["list", "cart", "--data", data, "--tenant", "other"])).stdout).toBe("");
    expect(await holdfast(["list", "cart", "--data", data, "--limit", "x"])).toMatchObject({ code: 1 });
  });

  test("export prints all events as CloudEvents, in the order of their commits", async () => {
    const { stdout, stderr } = await holdfast(["export", "--data", data]);
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
    expect((await holdfast(["export", "--data", data, "--entity", "order"])).stdout).toBe("");
  });

  test("erase asks for --yes, then blanks the entity", async () => {
    const folder = await mkdtemp(join(tmpdir(), "holdfast-erase-"));
    await cp(data, folder, { recursive: true });
    const asked = await holdfast(["erase", "cart", "u1", "--data", folder]);
    expect(asked).toMatchObject({ code: 1, stderr: expect.stringContaining("Say --yes") });
    expect((await holdfast(["events", "cart", "u1", "--data", folder])).stdout).toContain("Anchor");
    expect(await holdfast(["erase", "cart", "u1", "--data", folder, "--yes"])).toMatchObject({ code: 0 });
    const after = await holdfast(["events", "cart", "u1", "--data", folder]);
    expect(after.stdout).toContain("erased");
    expect(after.stdout).not.toContain("Anchor");
    expect((await holdfast(["export", "--data", folder])).stdout).toBe("");
    expect(await holdfast(["erase", "cart", "nobody", "--data", folder, "--yes"])).toMatchObject({ code: 1 });
    await rm(folder, { recursive: true });
  });

  test("manifest --check says what would break, and is content with what would not", async () => {
    const { stdout } = await holdfast(["manifest"]);
    const file = join(data, "deployed.json");
    await writeFile(file, stdout);
    expect(await holdfast(["manifest", "--check", file])).toMatchObject({ code: 0 });
    const deployed = JSON.parse(stdout) as {
      entities: { cart: { events: object; commands: string[]; revision: number } };
    };
    Object.assign(deployed.entities.cart.events, { giftAdded: 1, itemAdded: 2 });
    deployed.entities.cart.commands.push("wrap");
    deployed.entities.cart.revision = 3;
    Object.assign(deployed.entities, { order: { events: {}, commands: [], revision: 1 } });
    await writeFile(file, JSON.stringify(deployed));
    const { code, stderr } = await holdfast(["manifest", "--check", file]);
    expect(code).toBe(1);
    for (const text of [
      '"cart.giftAdded" is gone',
      "from version 2 to 1",
      '"cart.wrap" is gone',
      "from 3 to 1",
      '"order" is gone',
    ]) {
      expect(stderr).toContain(text);
    }
    await writeFile(file, "{}");
    expect(await holdfast(["manifest", "--check", file])).toMatchObject({ code: 1 });
  });

  test("openapi and manifest print JSON about the app that they find", async () => {
    const openapi = JSON.parse((await holdfast(["openapi"])).stdout) as { openapi: string; paths: object };
    expect(openapi.openapi).toMatch(/^3\.1/);
    expect(Object.keys(openapi.paths)).toContain("/api/cart/{id}/addItem");
    const manifest = JSON.parse((await holdfast(["manifest"])).stdout) as { entities: object };
    expect(Object.keys(manifest.entities)).toEqual(["cart"]);
  });

  test("dev serves the app, and serves it anew when its file changes", { timeout: 60_000 }, async () => {
    // Within the repository, so that `holdfast` and zod resolve.
    const folder = await mkdtemp(join(root, "test/cli/.dev-"));
    let child: ChildProcess | undefined;
    try {
      await cp(join(root, "examples/shop"), folder, { recursive: true });
      child = spawn(
        process.execPath,
        ["--conditions=holdfast-source", main, "dev", "--app", join(folder, "app.ts"), "--port", "0", "--data", folder],
        { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, HOLDFAST_LOG: "error" } },
      );
      const listening = nextUrl(child);
      const put = (url: string) =>
        fetch(`${url}/api/cart/u1/addItem`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ productId: "A-1", name: "Anchor", quantity: 0 }),
        }).then((response) => response.json() as Promise<{ detail: string }>);
      expect((await put(await listening())).detail).toBe("Cannot add negative quantity to item A-1");
      const file = join(folder, "cart.ts");
      await writeFile(file, (await readFile(file, "utf8")).replace("Cannot add negative quantity", "Too few"));
      expect((await put(await listening())).detail).toBe("Too few to item A-1");
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    } finally {
      child?.kill("SIGKILL");
      await rm(folder, { recursive: true });
    }
  });
});

/** Each call waits for the next address that the child says it listens on. */
function nextUrl(child: ChildProcess): () => Promise<string> {
  const found: string[] = [];
  const waiting: ((url: string) => void)[] = [];
  child.stderr?.on("data", (chunk: Buffer) => {
    for (const [, url = ""] of chunk.toString().matchAll(/Listening on (\S+)/g)) {
      const next = waiting.shift();
      if (next) next(url);
      else found.push(url);
    }
  });
  return async () => found.shift() ?? new Promise((resolve) => void waiting.push(resolve));
}
