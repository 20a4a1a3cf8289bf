import { expect, test } from "vitest";
import { createFixture, refused, type Fixture } from "./fixtures.ts";

interface Page {
  readonly events: readonly { readonly version: number; readonly type: string; readonly data: unknown }[];
  readonly next?: number;
}

async function filled(count: number): Promise<Fixture> {
  const fixture = createFixture();
  for (let value = 1; value <= count; value++) await fixture.send("POST", "/api/box/b1/put", { json: { value } });
  return fixture;
}

async function page({ send }: Fixture, query: string): Promise<Page> {
  const response = await send("GET", `/api/box/b1/events${query}`);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"]);
  return (await response.json()) as Page;
}

test("a page holds the events with their wire names, and where the next page begins", async () => {
  const fixture = await filled(3);
  const { events, next } = await page(fixture, "?limit=2");
  expect(events).toMatchObject([
    { type: "box.set", version: 1, data: { value: 1 } },
    { type: "box.set", version: 2, data: { value: 2 } },
  ]);
  expect(events[0]).toMatchObject({ id: expect.stringMatching(/^[0-9a-v]{20}-1$/), time: fixture.system.now() });
  expect(next).toBe(2);
  const rest = await page(fixture, "?after=2&limit=2");
  expect(rest.events.map(({ version }) => version)).toEqual([3]);
  expect(rest).not.toHaveProperty("next");
});

test("100 events by default, 1,000 at most", async () => {
  const fixture = await filled(120);
  expect((await page(fixture, "")).events.length).toBe(100);
  expect((await page(fixture, "?limit=1000")).events.length).toBe(120);
  await refused(fixture, ["GET", "/api/box/b1/events?limit=1001"], [400, "invalid-query"]);
});

test("an absent entity, and a place behind the end, have no events", async () => {
  const fixture = await filled(1);
  expect(await page(fixture, "?after=1")).toEqual({ events: [] });
  expect(await page(fixture, "?after=9007199254740991")).toEqual({ events: [] });
  expect(await (await fixture.send("GET", "/api/box/none/events")).json()).toEqual({ events: [] });
});

test.each([
  "after=-1",
  "after=1.5",
  "after=x",
  "after=",
  "after=0x1",
  "after=1e3",
  "after=%20",
  "after=9007199254740993",
  "after=99999999999999999999",
  "after=1&after=2",
  "limit=0",
  "limit=-5",
  "limit=1001",
  "limit=all",
  "limit=",
])("%s is refused: invalid-query", async (query) => {
  await refused(await filled(1), ["GET", `/api/box/b1/events?${query}`], [400, "invalid-query"]);
});

test("other parameters are ignored", async () => {
  expect((await page(await filled(1), "?foo=bar&%zz")).events.length).toBe(1);
});

test("a page of large events ends early, and next leads on", async () => {
  const fixture = createFixture();
  for (let i = 0; i < 30; i++) {
    await fixture.send("POST", "/api/box/b1/note", { json: { chars: 100 * 1024, times: 1 } });
  }
  const versions: number[] = [];
  for (let after: number | undefined = 0, pages = 0; after !== undefined; pages++) {
    const response = await fixture.send("GET", `/api/box/b1/events?limit=1000&after=${after}`);
    const text = await response.text();
    expect(text.length).toBeLessThan(1.3 * 1024 * 1024);
    const { events, next } = JSON.parse(text) as Page;
    versions.push(...events.map(({ version }) => version));
    after = next;
    expect(pages).toBeLessThan(5);
  }
  expect(versions).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
});
