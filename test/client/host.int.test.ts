// The client against the real local host: served in this process, and as a process that is killed.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { client, type Client } from "holdfast/client";
import { serve } from "holdfast/local";
import { afterEach, expect, test } from "vitest";
import { app } from "./app.ts";

const program = fileURLToPath(new URL("./program.ts", import.meta.url));
const silent = (): void => {};
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-client-"));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The app served from this process. */
async function serveHere(): Promise<string> {
  const host = await serve(app, {
    port: 0,
    data: temporaryFolder(),
    signals: false,
    synchronous: "normal",
    services: { slow: async () => {} },
    logger: { debug: silent, info: silent, warn: silent, error: silent },
  });
  cleanups.push(() => host.close());
  return host.url;
}

interface Killable {
  readonly url: string;
  start(env?: NodeJS.ProcessEnv): Promise<void>;
  /** SIGKILL: no chance to tidy up or to answer. */
  kill(): Promise<void>;
}

/** The app as a process that can be killed and started again, on the same data and the same port. */
async function killable(): Promise<Killable> {
  const data = temporaryFolder();
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  };
  cleanups.push(kill);
  return {
    url: `http://127.0.0.1:${port}`,
    kill,
    async start(env = {}) {
      const started = spawn(process.execPath, ["--conditions=holdfast-source", program], {
        env: {
          ...process.env,
          PORT: String(port),
          HOLDFAST_DATA: data,
          HOLDFAST_LOG: "error",
          NODE_OPTIONS: "",
          ...env,
        },
        stdio: ["ignore", "ignore", "pipe"],
      });
      child = started;
      let said = "";
      await new Promise<void>((resolve, reject) => {
        started.stderr?.on("data", (text: Buffer) => {
          said += text.toString();
          if (said.includes("Listening on ")) resolve();
        });
        started.once("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
      });
    },
  };
}

const connect = (url: string, fetch?: (url: string, init: RequestInit) => Promise<Response>): Client<typeof app> =>
  client<typeof app>({ url, ...(fetch && { fetch }) });

test("calls, rejections, views, pages and errors are what the host says", async () => {
  const shop = connect(await serveHere());
  const id = "\u00e9 100% &=+\u{1f680}";
  const cart = shop.cart(id);
  expect(await cart.$view()).toEqual({ view: { id, items: {} }, version: 0 });
  expect(await cart.addItem({ sku: "A-1", quantity: 2 })).toEqual({
    ok: true,
    reply: { count: 2 },
    version: 1,
    replayed: false,
  });
  expect(await cart.addLater()).toEqual({ ok: true, reply: undefined, version: 2, replayed: false });
  expect(await cart.$view()).toEqual({ view: { id, items: { "A-1": 2, late: 1 } }, version: 2 });
  // Its status is 429, and it is a rejection all the same.
  expect(await cart.addItem({ sku: "A-1", quantity: 100 })).toEqual({
    ok: false,
    code: "too-many",
    message: "At most 99.",
    version: 2,
    replayed: false,
  });
  expect(await cart.checkout({ country: "AT" })).toMatchObject({ ok: true, version: 3 });
  expect(await cart.checkout({ country: "AT" })).toMatchObject({ ok: false, code: "already-checked-out", version: 3 });
  const { events, next } = await cart.$history({ limit: 2 });
  expect(events.map(({ type, version }) => [type, version])).toEqual([
    ["itemAdded", 1],
    ["itemAdded", 2],
  ]);
  expect(next).toBe(2);
  const rest = await cart.$history({ after: 2 });
  expect(rest.events).toMatchObject([{ type: "checkedOut", data: { country: "AT" } }]);
  expect(rest.next).toBeUndefined();
  await expect(shop.cart(id, { ifMatch: 2 }).addLater()).rejects.toMatchObject({
    code: "version-mismatch",
    retry: "reload",
    status: 412,
  });
  await expect(cart.addItem({ sku: 1 } as never)).rejects.toMatchObject({
    code: "validation-failed",
    details: [{ path: ["sku"] }],
  });
  await expect(shop.view("v1").$history()).rejects.toMatchObject({ code: "no-history", status: 404 });
});

test("one key has one effect; the second call gets the first answer", async () => {
  const shop = connect(await serveHere());
  const add = () => shop.cart("u1", { key: "order-314" }).addItem({ sku: "A-1", quantity: 2 });
  expect(await add()).toMatchObject({ reply: { count: 2 }, replayed: false });
  expect(await add()).toMatchObject({ reply: { count: 2 }, replayed: true });
  await expect(shop.cart("u1", { key: "order-314" }).addItem({ sku: "B" })).rejects.toMatchObject({
    code: "idempotency-key-reused",
  });
});

test("a device whose clock is an hour ahead, or a year behind, can give commands", async () => {
  const { createClient } = await import("../../src/client/create-client.ts");
  const { webPlatform } = await import("../../src/client/platform.ts");
  const url = await serveHere();
  for (const skewMs of [3_600_000, -365 * 86_400_000]) {
    const shop = createClient<typeof app>({ url }, { ...webPlatform, now: () => Date.now() + skewMs });
    expect(await shop.cart(`u${skewMs}`).addItem({ sku: "A-1" })).toMatchObject({ ok: true, version: 1 });
  }
});

test("the answer is lost, the server is killed and started again: the retry gets the answer, one effect", async () => {
  const server = await killable();
  await server.start();
  const keys: (string | null)[] = [];
  const shop = connect(server.url, async (url, init) => {
    if (init.method === "POST") keys.push(new Headers(init.headers).get("idempotency-key"));
    const response = await fetch(url, init);
    if (init.method !== "POST" || keys.length > 1) return response;
    expect(response.status).toBe(200);
    await server.kill();
    await server.start();
    throw new TypeError("the answer was lost");
  });
  expect(await shop.cart("u1").addItem({ sku: "A-1", quantity: 2 })).toEqual({
    ok: true,
    reply: { count: 2 },
    version: 1,
    replayed: true,
  });
  expect(keys).toHaveLength(2);
  expect(keys[0]).toBe(keys[1]);
  expect((await shop.cart("u1").$view()).view.items).toEqual({ "A-1": 2 });
});

test("the server is killed while a command runs: retries find the next one, one effect", async () => {
  const server = await killable();
  await server.start({ SLOW: "hang" });
  let attempts = 0;
  const shop = connect(server.url, async (url, init) => {
    attempts++;
    return fetch(url, init);
  });
  const result = shop.cart("u1").addLater();
  // Its connection is accepted before this one is answered.
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  await server.kill();
  await server.start();
  expect(await result).toMatchObject({ ok: true, version: 1, replayed: false });
  expect(attempts).toBeGreaterThanOrEqual(2);
  expect(await shop.cart("u1").$view()).toMatchObject({ version: 1 });
});

test("watching goes on across kill -9 and a restart: every event once, in order", { timeout: 60_000 }, async () => {
  const server = await killable();
  await server.start();
  const shop = connect(server.url);
  const stop = new AbortController();
  const seen: string[] = [];
  let wake = (): void => {};
  const watching = (async () => {
    for await (const event of shop.cart("u1", { signal: stop.signal }).$watch()) {
      seen.push(event.type === "itemAdded" ? `${event.version} ${event.data.sku}` : `${event.version} out`);
      wake();
    }
  })();
  const expected: string[] = [];
  for (let restart = 0; restart < 3; restart++) {
    for (let i = 0; i < 60; i++) {
      const sku = `s${restart}-${i}`;
      const added = await shop.cart("u1").addItem({ sku });
      expect(added.ok).toBe(true);
      expected.push(`${expected.length + 1} ${sku}`);
    }
    if (restart === 2) break;
    await server.kill();
    await server.start();
  }
  await shop.cart("u1").checkout({ country: "AT" });
  expected.push(`${expected.length + 1} out`);
  while (seen.length < expected.length) await new Promise<void>((resolve) => (wake = resolve));
  expect(seen).toEqual(expected);
  stop.abort();
  await watching;
});
