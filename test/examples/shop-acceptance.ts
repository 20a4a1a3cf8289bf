import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";

/** The shop on a target, served. */
export interface ServedShop {
  readonly url: string;
  /** Ends what runs its handlers at once (-9), and starts it again. Answers where it is then. */
  restart(): Promise<string>;
  /** Puts a JSON text into a worker's queue. */
  send(queue: string, body: string): Promise<void>;
  stop(): Promise<void>;
}

/** What the shop does, on every target: the same program, the same answers. */
export function describeShop(
  target: string,
  open: (env: { readonly [name: string]: string }) => Promise<ServedShop>,
): void {
  let shop: ServedShop | undefined;
  afterEach(async () => {
    await shop?.stop();
    shop = undefined;
  });

  async function start(env: { readonly [name: string]: string } = {}): Promise<string> {
    shop = await open(env);
    return shop.url;
  }

  describe(`the shop on ${target}`, { timeout: 90_000 }, () => {
    test("an order is paid in the end, one that cannot be paid is cancelled", async () => {
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

    test("the same request twice has one effect, and the second answer says so", async () => {
      const url = await start();
      const first = await post(`${url}/api/cart/u1/addItem`, item("A-1"), { "idempotency-key": "k1" });
      const second = await post(`${url}/api/cart/u1/addItem`, item("A-1"), { "idempotency-key": "k1" });
      expect([first.status, second.status]).toEqual([204, 204]);
      expect(second.headers.get("idempotency-replayed")).toBe("true");
      expect([first.headers.get("etag"), second.headers.get("etag")]).toEqual(['"1"', '"1"']);
      const other = await post(`${url}/api/cart/u1/addItem`, item("A-2"), { "idempotency-key": "k1" });
      expect([other.status, await other.json()]).toMatchObject([422, { code: "idempotency-key-reused" }]);
      const closed = await post(`${url}/api/cart/u1/checkout`, { country: "AT" });
      expect(closed.status).toBe(204);
      const late = await post(`${url}/api/cart/u1/addItem`, item("A-3"));
      expect([late.status, await late.json()]).toMatchObject([409, { code: "cart-closed", rejected: true }]);
    });

    test("kill -9 after the checkout: the order is still paid, once", async () => {
      const url = await start();
      await checkOut(url, "u1", "A-1");
      const again = (await shop?.restart()) ?? "";
      await until(`${again}/api/order/u1`, { status: "paid" });
      await until(`${again}/api/shipment/u1`, { sent: true });
      expect(await history(`${again}/api/order/u1`)).toEqual(["order.opened", "order.paid"]);
    });

    test("what is put into the queue is imported", async () => {
      const url = await start();
      await shop?.send("imports", '{"id":"A-1","name":"Anchor","price":49.9,"revision":1}');
      await until(`${url}/api/product/A-1`, { name: "Anchor", price: 49.9, revision: 1 });
    });
  });
}

const item = (productId: string): object => ({ productId, name: "Thing", quantity: 1 });

function post(url: string, input: object, headers: { readonly [name: string]: string } = {}): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(input),
  });
}

async function checkOut(url: string, id: string, productId: string): Promise<void> {
  for (const response of [
    await post(`${url}/api/cart/${id}/addItem`, item(productId)),
    await post(`${url}/api/cart/${id}/checkout`, { country: "AT" }),
  ]) {
    expect(response.status, await response.text()).toBe(204);
  }
}

const get = async (url: string): Promise<unknown> => (await fetch(url)).json();

/** Looks until it is so. After a kill, what the dead process had is free after its lease, or its visibility time-out. */
async function until(url: string, view: object): Promise<void> {
  for (const end = performance.now() + 40_000; performance.now() < end; await sleep(50)) {
    const found = await get(url);
    if (JSON.stringify(found).includes(JSON.stringify(view).slice(1, -1))) return;
  }
  expect(await get(url)).toMatchObject(view);
}

async function history(url: string): Promise<readonly string[]> {
  const { events } = (await get(`${url}/events`)) as { readonly events: readonly { readonly type: string }[] };
  return events.map(({ type }) => type);
}
