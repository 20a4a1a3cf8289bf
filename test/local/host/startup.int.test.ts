import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { dirname, join, relative } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createMemoryJournal } from "holdfast/memory";
import { serve, type LocalOptions } from "holdfast/local";
import { describe, expect, test } from "vitest";
import { app, type Services } from "./app.ts";
import { spawnHost } from "./child.ts";
import { add, onCleanup, start, temporaryFolder, total } from "./fixtures.ts";

/** To root nothing is read-only, so root lets the host run as nobody, if nobody may read these files. */
const isRoot = process.getuid?.() === 0;
const unprivileged = isRoot ? { uid: 65_534 } : {};
const readable = !isRoot || ancestors(import.meta.dirname).every((folder) => (statSync(folder).mode & 0o005) === 0o005);

function ancestors(folder: string): string[] {
  return dirname(folder) === folder ? [folder] : [folder, ...ancestors(dirname(folder))];
}

async function taken(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onCleanup(() => server.close());
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** One line that says what to do, no stack trace, exit code 1. */
async function failsWith(env: NodeJS.ProcessEnv, ...parts: readonly string[]): Promise<void> {
  await failsAs({}, env, ...parts);
}

async function failsAs(
  user: { readonly uid?: number },
  env: NodeJS.ProcessEnv,
  ...parts: readonly string[]
): Promise<void> {
  const host = await spawnHost(env, user);
  expect(await host.exited()).toBe(1);
  expect(host.stderr().trimEnd().split("\n").length).toBe(1);
  for (const part of parts) expect(host.stderr()).toContain(part);
  expect(host.stdout() + host.stderr()).not.toMatch(/^\s+at /m);
}

describe("what keeps a host from starting is said in one line, with exit code 1:", () => {
  test("a port in use", async () => {
    const port = await taken();
    await failsWith({ PORT: String(port) }, `Port ${port} on 127.0.0.1 is in use`, "PORT=");
  });

  test.each(["http", "-1", "65536", "80.5"])("PORT %j", async (port) => {
    await failsWith({ PORT: port }, `PORT is ${JSON.stringify(port)}`, "0 to 65535");
  });

  test("a log level that does not exist", async () => {
    await failsWith({ HOLDFAST_LOG: "loud" }, 'HOLDFAST_LOG is "loud"', "debug");
  });

  test("a data folder that is a file", async () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    await failsWith({ HOLDFAST_DATA: file }, file, "is not a folder", "HOLDFAST_DATA=");
    await failsWith({ HOLDFAST_DATA: join(file, "deeper") }, "is not a folder", "HOLDFAST_DATA=");
  });

  test.skipIf(!existsSync("/proc/self"))("a data folder where none can be made (skipped without /proc)", async () => {
    await failsWith({ HOLDFAST_DATA: "/proc/self/data" }, "The data folder /proc/self/data", "HOLDFAST_DATA=");
  });

  test.skipIf(!readable)("a data folder that is read-only (skipped for root where nobody may not read)", async () => {
    const data = temporaryFolder();
    chmodSync(data, 0o555);
    onCleanup(() => chmodSync(data, 0o755));
    await failsAs(unprivileged, { HOLDFAST_DATA: join(data, "inner") }, "permission denied", "HOLDFAST_DATA=");
    await failsAs(unprivileged, { HOLDFAST_DATA: data }, "holdfast.db", "Make it writable", "HOLDFAST_DATA=");
  });

  test.skipIf(!readable)("a database that is read-only (skipped for root where nobody may not read)", async () => {
    const { host, data } = await start();
    await host.close();
    chmodSync(data, 0o555);
    for (const file of readdirSync(data)) chmodSync(join(data, file), 0o444);
    onCleanup(() => chmodSync(data, 0o755));
    await failsAs(unprivileged, { HOLDFAST_DATA: data }, "holdfast.db", "Make it writable", "HOLDFAST_DATA=");
  });

  test.skipIf(!readable)("a database file that is read-only (skipped for root where nobody may not read)", async () => {
    const { host, data } = await start();
    await host.close();
    const file = join(data, "holdfast.db");
    chmodSync(file, 0o444);
    await failsAs(unprivileged, { HOLDFAST_DATA: data }, `The file ${file} cannot be written`, "HOLDFAST_DATA=");
  });

  test("a disk that is nearly full", async () => {
    const data = temporaryFolder();
    // Files may be of 4 KiB.
    const host = await spawnHost({ HOLDFAST_DATA: data }, { command: "ulimit -f 8; exec" });
    expect(await host.exited()).toBe(1);
    expect(host.stderr()).toContain(`${data}/holdfast.db cannot be used (disk I/O error). Make room on its disk`);
    expect(host.stderr()).toContain("HOLDFAST_DATA=");
  });

  test("a database that is a folder", async () => {
    const data = temporaryFolder();
    mkdirSync(join(data, "holdfast.db"));
    await failsWith({ HOLDFAST_DATA: data }, "holdfast.db cannot be opened", "HOLDFAST_DATA=");
  });

  test("a database that is corrupt", async () => {
    const data = temporaryFolder();
    writeFileSync(join(data, "holdfast.db"), "this is no database, but long enough to be taken for one ".repeat(100));
    await failsWith({ HOLDFAST_DATA: data }, "holdfast.db is damaged", "backup");
  });

  test("a database of a newer version", async () => {
    const data = temporaryFolder();
    const db = new DatabaseSync(join(data, "holdfast.db"));
    db.exec("PRAGMA user_version = 999");
    db.close();
    await failsWith({ HOLDFAST_DATA: data }, "999", "newer");
  });
});

test.each<readonly [string, object, string]>([
  ["an unknown option", { prot: 1 }, 'Unknown option "prot"'],
  ["an unknown server limit", { server: { timeout: 1 } }, 'Unknown server limit "timeout"'],
  ["a server limit that is no number", { server: { connectionsMax: "many" } }, "connectionsMax"],
  ["headers that may take longer than the request", { server: { headersTimeoutMs: 40_000 } }, "receiveTimeoutMs"],
  ["an unknown HTTP option", { http: { bodyLimit: 1 } }, 'Unknown option "bodyLimit"'],
  ["a port that is none", { port: 70_000 }, 'The option "port" is 70000'],
  ["an unknown kind of durability", { synchronous: "off" }, '"full" or "normal"'],
])("%s is refused, and nothing is left open", async (_what, options, message) => {
  const given = { port: 0, data: temporaryFolder(), signals: false, ...options } as LocalOptions<Services>;
  await expect(serve(app, given)).rejects.toMatchObject({
    code: "invalid-options",
    message: expect.stringContaining(message),
  });
});

test("a host that could not listen has let go of its database and its signals", async () => {
  const port = await taken();
  const data = temporaryFolder();
  const before = process.listenerCount("SIGTERM");
  const options = { port, data, logger: { debug() {}, info() {}, warn() {}, error() {} } };
  await expect(serve(app, options)).rejects.toMatchObject({ code: "cannot-start" });
  expect(process.listenerCount("SIGTERM")).toBe(before);
  const { host } = await start({ data });
  expect((await add(host, "c1")).status).toBe(200);
});

test("the data folder is made, with those above it", async () => {
  const { host } = await start({ data: join(temporaryFolder(), "a", "b") });
  expect((await add(host, "c1")).status).toBe(200);
});

test("where it listens and where the data is stands once in what it says, the path from the root on", async () => {
  const data = temporaryFolder();
  const host = await spawnHost({ HOLDFAST_DATA: relative(process.cwd(), data) });
  expect(await host.stop("SIGTERM")).toBe(0);
  expect(host.stderr()).toBe(`Listening on ${host.url} with the data in ${data}\n`);
  expect(host.stdout()).not.toContain(host.url);
});

test("two hosts share a folder and see each other's work", async () => {
  const first = await start();
  const second = await start({ data: first.data });
  for (let i = 0; i < 10; i++) {
    expect((await add(first.host, "c1")).status).toBe(200);
    expect((await add(second.host, "c1")).status).toBe(200);
  }
  expect(await total(first.host, "c1")).toBe(20);
});

test("another journal may take the place of SQLite", async () => {
  const { host } = await start({ journal: createMemoryJournal(), data: "/proc/nowhere" });
  expect((await add(host, "c1", 3)).status).toBe(200);
  expect(await total(host, "c1")).toBe(3);
});

test("users' own Request and Response stay what they are", async () => {
  const before = [Request, Response];
  const { host } = await start();
  await add(host, "c1");
  expect([Request, Response]).toEqual(before);
  expect(Object.getPrototypeOf(new Response())).toBe(before[1]?.prototype);
});

test("authenticate, HTTP options and runtime limits are handed through", async () => {
  const { host } = await start({
    authenticate: (request) =>
      request.headers.get("authorization") === "Bearer other"
        ? { kind: "user", id: "x", tenant: "other", claims: {} }
        : undefined,
    http: { bodyBytesMax: 20, info: { title: "Counters" } },
    limits: { requestsMax: 7 },
  });
  expect((await add(host, "c1", 1, { authorization: "Bearer other" })).status).toBe(200);
  expect(await total(host, "c1")).toBe(0);
  expect((await add(host, "c1", 1e20)).status).toBe(413);
  expect(host.runtime.limits.requestsMax).toBe(7);
  expect(await (await fetch(`${host.url}/openapi.json`)).json()).toMatchObject({ info: { title: "Counters" } });
});

test("readyz tells whether the database answers", async () => {
  const { host } = await start();
  expect((await fetch(`${host.url}/readyz`)).status).toBe(200);
});

test("once closed, nothing of a host keeps the process alive, and nothing but its log is on standard output", async () => {
  const host = await spawnHost({ HOLDFAST_LOG: "debug" });
  await fetch(`${host.url}/api/counter/c1/ping`, { method: "POST", headers: { "x-correlation-id": "c-7" } });
  await fetch(`${host.url}/api/counter/c1/events`, { headers: { accept: "text/event-stream" } }).then((response) =>
    response.body?.cancel(),
  );
  expect(await host.stop("SIGTERM")).toBe(0);
  const lines = host
    .stdout()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly msg: string; readonly correlation?: string });
  expect(lines.find(({ correlation }) => correlation === "c-7")).toMatchObject({
    msg: "request",
    entity: "counter",
    command: "ping",
    status: 200,
  });
  expect(host.stderr()).toMatch(/^Listening on http:\/\/127\.0\.0\.1:\d+ with the data in \/\S+\n$/);
});
