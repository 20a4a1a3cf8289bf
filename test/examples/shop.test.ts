import { Writable } from "node:stream";
import { HoldfastError, systemPrincipal, type Logger } from "holdfast";
import { createTestApp, given } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import shop from "../../examples/shop/app.ts";
import { cart } from "../../examples/shop/cart.ts";
import { createGateway, type Gateway } from "../../examples/shop/gateway.ts";
import type { Services } from "../../examples/shop/holdfast.ts";
import { order } from "../../examples/shop/order.ts";
import { shopServices } from "../../examples/shop/services.ts";
import { createTerminal } from "../../examples/shop/terminal.ts";
import { watched } from "../../examples/shop/ticker.ts";

const anchor = { productId: "A-1", name: "Anchor", quantity: 2 };
const unpayable = { ...anchor, productId: "unpayable" };
const minuteMs = 60_000;

/** The shop, with a note of what its gateway was asked for. */
function open(services: Partial<Services> = {}, rest: { readonly now?: number } = {}) {
  const inner = createGateway();
  const charged: string[] = [];
  const refunded: string[] = [];
  const gateway: Gateway = {
    async charge(key, items) {
      const charge = await inner.charge(key, items);
      if (charge.ok) charged.push(key);
      return charge;
    },
    async refund(key) {
      refunded.push(key);
      await inner.refund(key);
    },
  };
  const app = createTestApp(shop, { services: { gateway, paymentMs: 15 * minuteMs, ...services }, ...rest });
  const look = async (entity: string, id: string) => (await app.view({ entity, id, principal: systemPrincipal })).view;
  const history = async (entity: string, id: string) => {
    const page = await app.history({ entity, id, principal: systemPrincipal, after: 0, limit: 100 });
    return page.events.map(({ type }) => type);
  };
  const checkOut = async (id: string, country = "AT", item = anchor) => {
    await app.call(cart, id).addItem(item);
    return app.call(cart, id, { key: `checkout-${id}` }).checkout({ country });
  };
  /** Lets everything happen that happens within that time. */
  const wait = async (ms: number) => {
    await app.delivered();
    await app.clock.advance(ms);
    await app.delivered();
  };
  return { ...app, look, history, checkOut, wait, charged, refunded };
}

describe("a checkout", () => {
  test("leads to one order with the cart's id, also when it is repeated", async () => {
    const { checkOut, delivered, look, history } = open();
    await checkOut("u1", "FR");
    expect(await checkOut("u1", "FR")).toMatchObject({ ok: true, replayed: true });
    await delivered();
    expect(await look("order", "u1")).toEqual({ status: "awaiting-payment", country: "FR", items: [anchor] });
    expect(await history("order", "u1")).toEqual(["order.opened"]);
  });

  test("that is refused leads to none", async () => {
    const { call, delivered, look } = open();
    expect(await call(cart, "u1").checkout({ country: "AT" })).toMatchObject({ code: "cart-empty" });
    await delivered();
    expect(await look("order", "u1")).toMatchObject({ status: "none" });
  });
});

describe("a payment", () => {
  test("works at the third attempt, and charges once", async () => {
    const { checkOut, wait, look, history, charged } = open();
    await checkOut("u1");
    await wait(minuteMs);
    expect(await look("order", "u1")).toMatchObject({ status: "paid" });
    await wait(60 * minuteMs);
    expect(await history("order", "u1")).toEqual(["order.opened", "order.paid"]);
    expect(charged).toHaveLength(1);
  });

  test("charges once, though the charge's answer was lost", async () => {
    const inner = createGateway();
    const receipts = new Set<string>();
    let lost = 0;
    const gateway: Gateway = {
      ...inner,
      async charge(key, items) {
        const charge = await inner.charge(key, items);
        if (charge.ok) receipts.add(charge.receipt);
        if (charge.ok && lost++ === 0) throw new Error("the answer was lost");
        return charge;
      },
    };
    const { checkOut, wait, history } = open({ gateway });
    await checkOut("u1");
    await wait(minuteMs);
    expect(await history("order", "u1")).toEqual(["order.opened", "order.paid"]);
    expect([...receipts]).toHaveLength(1);
    expect(lost).toBe(2);
  });

  test("that is declined is not tried again, and the order is cancelled when its time is over", async () => {
    const { checkOut, wait, look, history, charged } = open();
    await checkOut("u1", "AT", unpayable);
    await wait(14 * minuteMs);
    expect(await look("order", "u1")).toMatchObject({ status: "awaiting-payment" });
    await wait(minuteMs);
    expect(await look("order", "u1")).toMatchObject({ status: "cancelled" });
    expect(await history("order", "u1")).toEqual(["order.opened", "order.cancelled"]);
    expect(charged).toEqual([]);
  });

  test("that comes too late is given back", async () => {
    const { checkOut, wait, look, charged, refunded } = open({ paymentMs: 10 });
    await checkOut("u1");
    await wait(minuteMs);
    expect(await look("order", "u1")).toMatchObject({ status: "cancelled" });
    expect(charged).toHaveLength(1);
    expect(refunded).toEqual(charged);
  });
});

test("an order cancels no payment that was made, and takes no second one", () => {
  const paid = [
    { type: "opened", data: { country: "AT", items: [anchor] } },
    { type: "paid", data: { country: "AT", receipt: "r" } },
  ] as const;
  given(order, ...paid)
    .when("cancel")
    .then({ rejected: "order-settled" });
  given(order, ...paid)
    .when("pay", { receipt: "r2" })
    .then({ rejected: "order-settled" });
});

test("customers look at orders and give them no commands", async () => {
  const { execute, look } = open();
  const principal = { ...systemPrincipal, kind: "user", id: "ada" } as const;
  await expect(
    execute({ entity: "order", id: "u1", command: "pay", input: { receipt: "mine" }, principal }),
  ).rejects.toMatchObject({ code: "forbidden" });
  expect(await look("order", "u1")).toMatchObject({ status: "none" });
});

test.each([
  ["AT", { warehouse: "Vienna", sent: true }],
  ["DE", { warehouse: "Hamburg", sent: true }],
  ["FR", { warehouse: "", sent: false }],
])("what is paid in %s is sent from where there is a warehouse", async (country, shipment) => {
  const { checkOut, wait, look } = open();
  await checkOut("u1", country);
  await wait(minuteMs);
  expect(await look("order", "u1")).toMatchObject({ status: "paid" });
  expect(await look("shipment", "u1")).toEqual(shipment);
});

describe("the import", () => {
  test("takes each revision of a product once, in whatever order they come", async () => {
    const { send, delivered, look, journal } = open();
    await send("imports", { id: "A-1", name: "Anchor, blue", price: 50, revision: 2 });
    await send("imports", { id: "A-1", name: "Anchor", price: 49.9 });
    await send("imports", { id: "A-1", name: "Anchor, blue", price: 50, revision: 2 });
    await delivered();
    expect(await look("product", "A-1")).toEqual({ name: "Anchor, blue", price: 50, revision: 2 });
    expect(await journal.dead({ limit: 10 })).toEqual([]);
    const stored = await journal.history({ tenant: "default", entity: "product", id: "A-1" }, { after: 0, limit: 10 });
    expect(stored.at(-1)?.version).toBe(1);
  });

  test("keeps what is no product among the dead letters", async () => {
    const { send, delivered, journal, look } = open();
    await send("imports", { id: "A-1", name: "" });
    await delivered();
    expect(await journal.dead({ limit: 10 })).toMatchObject([
      { consumer: "queue:imports", reason: { code: "validation-failed" } },
    ]);
    expect(await look("product", "A-1")).toMatchObject({ revision: 0 });
  });
});

test("the books of a day in Vienna are closed at night, once", async () => {
  // 23:30 in Vienna, while it is 22:30 in UTC.
  const { checkOut, wait, look } = open({}, { now: Date.UTC(2026, 0, 1, 22, 30) });
  await checkOut("u1");
  await checkOut("u2", "DE", unpayable);
  await wait(20 * minuteMs);
  expect(await look("report", "2026-01-01")).toEqual({ opened: 2, paid: 1, cancelled: 1, closed: false });
  await wait(20 * minuteMs);
  await checkOut("u3");
  await wait(minuteMs);
  expect(await look("report", "2026-01-01")).toEqual({ opened: 2, paid: 1, cancelled: 1, closed: true });
  expect(await look("report", "2026-01-02")).toEqual({ opened: 1, paid: 1, cancelled: 0, closed: false });
  await wait(24 * 60 * minuteMs);
  expect(await look("report", "2026-01-02")).toMatchObject({ closed: true });
});

describe("the payment time", () => {
  test("is 15 minutes, or what the environment says", () => {
    expect(shopServices({}).paymentMs).toBe(15 * minuteMs);
    expect(shopServices({ HOLDFAST_SHOP_PAYMENT_MS: "" }).paymentMs).toBe(15 * minuteMs);
    expect(shopServices({ HOLDFAST_SHOP_PAYMENT_MS: "300" }).paymentMs).toBe(300);
  });

  test.each(["0", "-1", "1.5", "soon", "1e3", "99999999999"])("is refused as %j", (value) => {
    expect(() => shopServices({ HOLDFAST_SHOP_PAYMENT_MS: value })).toThrowError(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(JSON.stringify(value)) }),
    );
  });
});

describe("what a person sees", () => {
  function screen() {
    let text = "";
    const stream = new Writable({
      write(chunk, _encoding, done) {
        text += String(chunk);
        done();
      },
    });
    return { terminal: createTerminal(stream), lines: () => text.split("\n").map((line) => line.slice(10)) };
  }

  test("is a line for each thing that happened, in its order", async () => {
    const { terminal, lines } = screen();
    const services = { gateway: createGateway(), paymentMs: minuteMs };
    // The ticker looks at the process's clock for what is old.
    const now = Date.now() + minuteMs;
    const app = createTestApp(watched(shop, terminal), { services, now, log: terminal.logger });
    await app.call(cart, "u1").addItem(anchor);
    await app.delivered();
    await app.call(cart, "u1").checkout({ country: "AT" });
    await app.delivered();
    await app.clock.advance(minuteMs);
    await app.delivered();
    expect(lines().filter((line) => !line.includes("failed"))).toEqual([
      "cart u1       2 x Anchor put in",
      "cart u1       checked out, to AT",
      "order u1      awaiting payment",
      "order u1      paid",
      "shipment u1   sent from Vienna",
      "",
    ]);
    expect(lines().filter((line) => line.includes("failed"))).toEqual([
      expect.stringMatching(/^order u1 .* tries again in \d+ ms: the gateway does not answer$/),
      expect.stringMatching(/^order u1 .* tries again in \d+ ms: the gateway does not answer$/),
    ]);
  });

  test("is nothing of what happened before", async () => {
    const { terminal, lines } = screen();
    const services = { gateway: createGateway(), paymentMs: minuteMs };
    const app = createTestApp(watched(shop, terminal), { services, now: Date.now() - minuteMs });
    await app.call(cart, "u1").addItem(anchor);
    await app.delivered();
    expect(lines()).toEqual([""]);
  });

  test("holds no control characters of strangers", () => {
    const { terminal, lines } = screen();
    terminal.say("red", "cart u1", "\u001b[2J\nAll is well");
    expect(lines()).toEqual(["cart u1       ?[2J?All is well", ""]);
  });

  test("is no stack where the error says itself what is wrong", () => {
    const { terminal, lines } = screen();
    const log: Logger = terminal.logger;
    log.debug({}, "a request");
    log.error({ error: new Error("a bug") }, "it failed");
    expect(lines()[0]).toBe("              it failed: a bug");
    expect(lines().length).toBeGreaterThan(3);
    const { terminal: other, lines: foreseen } = screen();
    other.logger.error({ error: new HoldfastError("validation-failed", "no product") }, "it failed");
    expect(foreseen()).toEqual(["              it failed: no product", ""]);
  });
});
