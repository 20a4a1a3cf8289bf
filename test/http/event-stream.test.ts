import { expect, test } from "vitest";
import { createRuntime, type Journal } from "holdfast";
import { app, createFixture, problemOf, refused, type Fixture, type FixtureOptions } from "./fixtures.ts";

const sse = { accept: "text/event-stream" };
const path = "/api/box/b1/events";

interface Reader {
  readonly response: Response;
  /** The next chunk as text; `undefined` at the end. */
  next(): Promise<string | undefined>;
  cancel(): Promise<void>;
}

async function open(fixture: Fixture, headers: Record<string, string> = {}, query = ""): Promise<Reader> {
  const response = await fixture.send("GET", path + query, { headers: { ...sse, ...headers } });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  return {
    response,
    async next() {
      const { done, value } = await reader.read();
      return done ? undefined : new TextDecoder().decode(value);
    },
    cancel: () => reader.cancel(),
  };
}

const live = (options: FixtureOptions = {}): Fixture =>
  createFixture({ ...options, http: { live: true, ...options.http } });

async function put({ send }: Fixture, value: number): Promise<void> {
  expect((await send("POST", "/api/box/b1/put", { json: { value } })).status).toBe(200);
}

/** The versions in a piece of stream, after checking the form of each event. */
function versions(text: string | undefined): number[] {
  const found: number[] = [];
  for (const block of (text ?? "").split("\n\n")) {
    const fields = /^id: (\d+)\nevent: (box\.\w+)\ndata: (.*)$/.exec(block);
    if (!fields) continue;
    const event = JSON.parse(fields[3] ?? "") as { version: number; type: string };
    expect([String(event.version), event.type]).toEqual([fields[1], fields[2]]);
    found.push(event.version);
  }
  return found;
}

test.each([true, false])(
  "a stream that cannot begin in time is 503, and its place comes back (live: %s)",
  async (live) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const fixture = createFixture({
      http: { live, requestTimeoutMs: 1_000, streamsMax: 1 },
      journal: (inner) => ({ ...inner, load: (stream) => promise.then(() => inner.load(stream)) }),
    });
    const answer = fixture.send("GET", path, { headers: sse });
    await fixture.system.clock.advance(1_200);
    const { status, code } = await problemOf(await answer);
    expect([status, code]).toEqual([503, "deadline-exceeded"]);
    resolve();
    await fixture.system.clock.advance(1);
    await (await open(fixture)).cancel();
    fixture.http.close();
  },
);

test("a stream begins with what is stored, then pushes what happens, each event once and in order", async () => {
  const fixture = live();
  await put(fixture, 1);
  await put(fixture, 2);
  const stream = await open(fixture);
  const first = await stream.next();
  expect(first).toMatch(/^retry: 2000\n\nid: 1\nevent: box.set\ndata: \{.*\}\n\nid: 2\n/);
  expect(versions(first)).toEqual([1, 2]);
  const next = stream.next();
  await put(fixture, 3);
  expect(versions(await next)).toEqual([3]);
  await put(fixture, 4);
  await put(fixture, 5);
  const rest = [...versions(await stream.next()), ...versions(await stream.next())];
  expect(rest).toEqual([4, 5]);
  await stream.cancel();
});

test.each<readonly [string, Record<string, string>, string, readonly number[]]>([
  ["Last-Event-ID", { "last-event-id": "2" }, "", [3]],
  ["after", {}, "?after=1", [2, 3]],
  ["Last-Event-ID rather than after", { "last-event-id": "1" }, "?after=2", [2, 3]],
  ["the start where Last-Event-ID is empty", { "last-event-id": "" }, "", [1, 2, 3]],
])("a stream resumes after %s", async (_what, headers, query, expected) => {
  const fixture = live();
  for (const value of [1, 2, 3]) await put(fixture, value);
  const stream = await open(fixture, headers, query);
  expect(versions(await stream.next())).toEqual(expected);
  await stream.cancel();
});

test("what came before the stream's first read and while nobody reads is not lost", async () => {
  const fixture = live();
  const stream = await open(fixture);
  for (let value = 1; value <= 250; value++) await put(fixture, value);
  const seen: number[] = [];
  while (seen.length < 250) seen.push(...versions(await stream.next()));
  expect(seen).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
  await stream.cancel();
});

test("records of other processes are seen at the next poll", async () => {
  const fixture = live();
  const stream = await open(fixture);
  await stream.next();
  const other = createRuntime(app, { journal: fixture.journal, system: fixture.system });
  const next = stream.next();
  await fixture.system.clock.advance(10);
  const principal = { kind: "user", id: "x", tenant: "default", claims: {} } as const;
  const executed = other.execute({ entity: "box", id: "b1", command: "put", input: { value: 1 }, principal });
  await fixture.system.clock.advance(2_000);
  expect((await executed).ok).toBe(true);
  expect(versions(await next)).toEqual([1]);
  await stream.cancel();
});

test("a silent stream sends a comment every 15 seconds", async () => {
  const fixture = live();
  const stream = await open(fixture);
  await stream.next();
  for (let i = 0; i < 3; i++) {
    const next = stream.next();
    await fixture.system.clock.advance(15_000);
    expect(await next).toBe(":\n\n");
  }
  await stream.cancel();
});

test("nothing is read for a client that does not keep up", async () => {
  let reads = 0;
  const journal = (inner: Journal): Journal => ({
    ...inner,
    history: (stream, range) => {
      reads++;
      return inner.history(stream, range);
    },
  });
  const fixture = live({ journal });
  const stream = await open(fixture);
  for (let value = 1; value <= 20; value++) await put(fixture, value);
  await fixture.system.clock.advance(60_000);
  expect(reads).toBeLessThanOrEqual(1);
  const seen: number[] = [];
  while (seen.length < 20) seen.push(...versions(await stream.next()));
  expect(seen.length).toBe(20);
  await stream.cancel();
});

test("streams are bounded in number; past it overloaded, and a place comes back", async () => {
  const fixture = live({ http: { streamsMax: 2 } });
  const streams = [await open(fixture), await open(fixture)];
  await refused(fixture, ["GET", path, { headers: sse }], [503, "overloaded"]);
  await streams[0]?.cancel();
  const third = await open(fixture);
  await third.cancel();
  await streams[1]?.cancel();
});

test("a stream that is refused takes no place, nor does HEAD", async () => {
  const fixture = live({ http: { streamsMax: 1 } });
  await refused(fixture, ["GET", "/api/vault/v1/events", { headers: sse }], [401, "unauthenticated"]);
  const alice = { headers: { ...sse, authorization: "Bearer alice" } };
  await refused(fixture, ["GET", "/api/vault/v1/events", alice], [404, "no-history"]);
  const head = await fixture.send("HEAD", path, { headers: sse });
  expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
  const stream = await open(fixture);
  await stream.cancel();
});

test.each([
  ["x", ""],
  ["-1", ""],
  ["1.5", ""],
  ["1, 2", ""],
  ["", "?after=x"],
  ["1", "?limit=0"],
])("Last-Event-ID %j with %j is refused: invalid-query", async (last, query) => {
  const request = ["GET", path + query, { headers: { ...sse, "last-event-id": last } }] as const;
  await refused(live(), request, [400, "invalid-query"]);
});

test("a Last-Event-ID of an event that is not there is refused: invalid-query", async () => {
  const fixture = live();
  const resume = (last: string) => ["GET", path, { headers: { ...sse, "last-event-id": last } }] as const;
  await refused(fixture, resume("1"), [400, "invalid-query"]);
  await put(fixture, 1);
  await put(fixture, 2);
  for (const last of ["3", "4", String(Number.MAX_SAFE_INTEGER)]) {
    await refused(fixture, resume(last), [400, "invalid-query"]);
  }
  const stream = await open(fixture, { "last-event-id": "2" });
  expect(versions(await stream.next())).toEqual([]);
  const next = stream.next();
  await put(fixture, 3);
  expect(versions(await next)).toEqual([3]);
  await stream.cancel();
});

test("close ends all streams, cleanly, and refuses new ones", async () => {
  const fixture = live();
  const waiting = await open(fixture);
  await waiting.next();
  const unread = await open(fixture);
  const end = waiting.next();
  fixture.http.close();
  expect(await end).toBeUndefined();
  expect(await unread.next()).toContain("retry:");
  expect(await unread.next()).toBeUndefined();
  const response = await fixture.send("GET", path, { headers: sse });
  expect((await problemOf(response)).code).toBe("overloaded");
});

test("a stream ends after its time, so that credentials are looked at anew", async () => {
  const fixture = live({ http: { streamMs: 60_000 } });
  const stream = await open(fixture);
  await stream.next();
  let ended = false;
  const all = (async () => {
    while ((await stream.next()) !== undefined) {
      // Comments.
    }
    ended = true;
  })();
  await fixture.system.clock.advance(59_000);
  expect(ended).toBe(false);
  await fixture.system.clock.advance(1_001);
  await all;
  expect(ended).toBe(true);
});

test("a stream ends when its entity is erased; who resumes is told 410", async () => {
  const fixture = live();
  await put(fixture, 1);
  const stream = await open(fixture);
  await stream.next();
  const end = stream.next();
  await fixture.runtime.erase({
    entity: "box",
    id: "b1",
    principal: { kind: "system", id: "system", tenant: "default", claims: {} },
  });
  await fixture.system.clock.advance(2_000);
  expect(await end).toBeUndefined();
  const response = await fixture.send("GET", path, { headers: { ...sse, "last-event-id": "1" } });
  expect((await problemOf(response)).code).toBe("erased");
});

test("a stream outlives a store that fails for a while, and loses nothing", async () => {
  let down = false;
  const journal = (inner: Journal): Journal => ({
    ...inner,
    load: async (...args) => {
      if (down) throw Object.assign(new Error("down"), { code: "journal-failed", retry: "later" });
      return inner.load(...args);
    },
  });
  const fixture = live({ journal });
  await put(fixture, 1);
  const stream = await open(fixture);
  await stream.next();
  const next = stream.next();
  down = true;
  await fixture.system.clock.advance(5_000);
  down = false;
  await put(fixture, 2);
  await fixture.system.clock.advance(2_000);
  expect(versions(await next)).toEqual([2]);
  await stream.cancel();
});

test("an answer is JSON unless event streams are asked for by name", async () => {
  const fixture = live();
  for (const accept of ["*/*", "application/json", "text/*", "text/event-stream;q=0", "text/event-streams"]) {
    const response = await fixture.send("GET", path, { headers: { accept } });
    expect([accept, response.headers.get("content-type")]).toEqual([accept, "application/json"]);
  }
  for (const accept of [
    "text/event-stream, */*;q=0.1",
    "Text/Event-Stream",
    "application/json, text/event-stream;q=0.5",
  ]) {
    const stream = await open(fixture, { accept });
    await stream.cancel();
  }
});

test("where the host does not stream, the answer is bounded and says when to come back", async () => {
  const fixture = createFixture({ http: { streamRetryMs: 5_000 } });
  for (const value of [1, 2, 3]) await put(fixture, value);
  const stream = await open(fixture, {}, "?limit=2");
  const text = await stream.next();
  expect(text).toMatch(/^retry: 5000\n\n/);
  expect(versions(text)).toEqual([1, 2]);
  expect(await stream.next()).toBeUndefined();
  const rest = await open(fixture, { "last-event-id": "2" });
  expect(versions(await rest.next())).toEqual([3]);
  const none = await open(fixture, { "last-event-id": "3" });
  expect(await none.next()).toBe("retry: 5000\n\n");
  expect(await none.next()).toBeUndefined();
});
