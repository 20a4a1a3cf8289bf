import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { welcome } from "../../examples/shop/welcome.ts";
import { root, runCli } from "../cli/run-cli.ts";
import { startServer, type Server } from "../crash/server.ts";

let data: string;
let server: Server | undefined;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), "holdfast-shop-"));
});

afterEach(async () => {
  await server?.kill();
  await rm(data, { recursive: true });
});

/** `npm start`. */
async function start(env: NodeJS.ProcessEnv = {}): Promise<string> {
  server = await startServer(data, env);
  return server.url;
}

async function post(url: string, input: object): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(input),
  });
  expect(response.status, await response.text()).toBe(204);
}

async function checkOut(url: string, id: string, productId: string): Promise<void> {
  await post(`${url}/api/cart/${id}/addItem`, { productId, name: "Thing", quantity: 1 });
  await post(`${url}/api/cart/${id}/checkout`, { country: "AT" });
}

const get = async (url: string): Promise<unknown> => (await fetch(url)).json();

/** Looks until it is so. After a kill, what the dead process owned is free after its lease of 10 s. */
async function until(url: string, view: object): Promise<void> {
  for (const end = performance.now() + 25_000; performance.now() < end; await sleep(50)) {
    const found = await get(url);
    if (JSON.stringify(found).includes(JSON.stringify(view).slice(1, -1))) return;
  }
  expect(await get(url)).toMatchObject(view);
}

const history = async (url: string): Promise<readonly string[]> => {
  const { events } = (await get(`${url}/events`)) as { readonly events: readonly { readonly type: string }[] };
  return events.map(({ type }) => type);
};

test("an order is paid in the end, one that cannot be paid is cancelled", { timeout: 60_000 }, async () => {
  const url = await start({ HOLDFAST_SHOP_PAYMENT_MS: "5000" });
  await checkOut(url, "u1", "A-1");
  await until(`${url}/api/order/u1`, { status: "awaiting-payment" });
  await checkOut(url, "u2", "unpayable");
  await until(`${url}/api/order/u1`, { status: "paid" });
  expect(await get(`${url}/api/order/u2`)).toMatchObject({ status: "awaiting-payment", country: "AT" });
  await until(`${url}/api/order/u2`, { status: "cancelled" });
  await until(`${url}/api/shipment/u1`, { warehouse: "Vienna" });
  expect(await history(`${url}/api/order/u1`)).toEqual(["order.opened", "order.paid"]);
});

test("kill -9 after the checkout: the order is still paid, once", { timeout: 60_000 }, async () => {
  const url = await start();
  await checkOut(url, "u1", "A-1");
  await server?.kill();
  const again = await start();
  await until(`${again}/api/order/u1`, { status: "paid" });
  await until(`${again}/api/shipment/u1`, { sent: true });
  expect(await history(`${again}/api/order/u1`)).toEqual(["order.opened", "order.paid"]);
});

test("what the CLI puts into the queue is imported", { timeout: 60_000 }, async () => {
  const url = await start();
  const message = /send imports '(?<json>.*)'/.exec(welcome(url))?.groups?.["json"] ?? "";
  expect(await runCli(["send", "imports", message, "--data", data])).toMatchObject({ code: 0 });
  await until(`${url}/api/product/A-1`, { name: "Anchor", price: 49.9, revision: 1 });
});

test("the README shows the same commands as npm start", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const commands = (page: string) => page.match(/^ *(curl|npm run).*$/gm)?.map((line) => line.trim()) ?? [];
  const printed = commands(welcome("localhost:8080"));
  expect(printed.length).toBeGreaterThanOrEqual(5);
  expect(commands(readme)).toEqual(expect.arrayContaining(printed));
});

test("a payment time that is none is refused in one line", async () => {
  const child = spawn(process.execPath, ["--conditions=holdfast-source", "functions/local.ts"], {
    cwd: root,
    env: { ...process.env, PORT: "0", HOLDFAST_DATA: data, HOLDFAST_SHOP_PAYMENT_MS: "soon" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  expect(said).toBe(
    'HOLDFAST_SHOP_PAYMENT_MS is "soon"; it must be a whole number of milliseconds, 1 to 2592000000.\n',
  );
  expect(code).toBe(1);
});
