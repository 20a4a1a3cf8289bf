import { ClientError, type EventOf } from "holdfast/client";
import { describe, expect, test } from "vitest";
import { createFixture, deaf, lost, problem, type Fixture, type Reaction } from "./fixtures.ts";

/** The text of one event, as the server sends it. */
function frame(version: number, extra: object = {}): string {
  const data = { id: `e-${version}`, type: "cart.itemAdded", version, time: 9, data: { sku: "A", quantity: version } };
  return `id: ${version}\nevent: cart.itemAdded\ndata: ${JSON.stringify({ ...data, ...extra })}\n\n`;
}

const frames = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => frame(from + i)).join("");

const asStream = { headers: { "Content-Type": "text/event-stream; charset=utf-8" } };
type End = "ends" | "breaks" | "stays";

/** A connection with these chunks, which then ends, breaks off, or stays open and silent. */
function stream(chunks: readonly (string | Uint8Array)[], end: End, onCancel = (): void => {}): Reaction {
  return () => {
    const left = chunks.map((chunk) => (typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk));
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const next = left.shift();
          if (next) controller.enqueue(next);
          else if (end === "ends") controller.close();
          else if (end === "breaks") controller.error(new TypeError("terminated"));
          else return new Promise<void>(() => {});
          return undefined;
        },
        cancel: onCancel,
      },
      { highWaterMark: 0 },
    );
    return new Response(body, asStream);
  };
}

/** The versions that the loop gets until it has `count`, or it ends. */
async function take({ shop, platform }: Fixture, count: number, after = 0): Promise<readonly number[]> {
  const versions: number[] = [];
  const loop = async (): Promise<void> => {
    for await (const { version } of shop.cart("u1").$watch({ after })) {
      versions.push(version);
      if (versions.length >= count) break;
    }
  };
  await platform.run(loop());
  return versions;
}

const asked = ({ sent }: Fixture): readonly (string | null)[] =>
  sent.map(({ headers }) => headers.get("last-event-id"));
const count = (to: number, from = 1): readonly number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("watching", () => {
  test("asks for a stream from the given version on and yields events with the entity's own types", async () => {
    const fixture = createFixture(stream([`retry: 2000\n\n:\n\n${frame(3)}`], "stays"), { headers: { a: "b" } });
    const { shop, sent } = fixture;
    let seen: unknown;
    for await (const event of shop.cart("u1").$watch({ after: 2 })) {
      seen = event;
      break;
    }
    expect(seen).toEqual({ id: "e-3", type: "itemAdded", version: 3, time: 9, data: { sku: "A", quantity: 3 } });
    const [{ url, method, headers } = expect.fail()] = sent;
    expect([method, url]).toEqual(["GET", "http://shop.test/api/cart/u1/events"]);
    expect([...headers].toSorted()).toEqual([
      ["a", "b"],
      ["accept", "text/event-stream"],
      ["last-event-id", "2"],
    ]);
  });

  test("reads events however the network cuts them, in the middle of a character too", async () => {
    const text = `retry: 50\r\n\r\n${frame(1, { data: { sku: "\u00e9\u{1f680}\u2028", quantity: 1 } })}${frame(2)}`;
    const bytes = new TextEncoder().encode(text);
    for (let size = 1; size <= 40; size += 3) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      const { shop, platform } = createFixture(stream(chunks, "stays"));
      const events: EventOf<{ name: "x"; state: 0; view: 0; commands: {}; events: { itemAdded: { sku: string } } }>[] =
        [];
      const loop = async (): Promise<void> => {
        for await (const event of shop.cart("u1").$watch()) {
          if (event.type === "itemAdded") events.push(event);
          if (events.length === 2) break;
        }
      };
      await platform.run(loop());
      expect(events.map(({ version, data }) => [version, data.sku])).toEqual([
        [1, "\u00e9\u{1f680}\u2028"],
        [2, "A"],
      ]);
    }
  });
});

describe("a connection that is lost", () => {
  test.each<[string, Reaction]>([
    ["is refused", lost],
    ["never answers", deaf],
    ["ends in order", stream([frames(1, 2)], "ends")],
    ["breaks off between two events", stream([frames(1, 2)], "breaks")],
    ["breaks off within an event", stream([frames(1, 2), frame(3).slice(0, 20)], "breaks")],
    ["ends within an event", stream([frames(1, 2), frame(3).slice(0, 20)], "ends")],
    ["falls silent", stream([frames(1, 2)], "stays")],
    ["carries a broken event", stream([frames(1, 2), "data: {\n\n", frame(3)], "stays")],
    ["misses an event", stream([frames(1, 2), frame(4)], "stays")],
    ["is answered with 503", problem(503, "overloaded", {}, { "Retry-After": "1" })],
    ["is answered with 502 by somebody else", () => new Response("<html>", { status: 502 })],
  ])("because it %s is followed by another behind the last event", async (_what, reaction) => {
    // The second one begins with events that the loop has already.
    const fixture = createFixture([reaction, stream([frames(1, 4)], "ends"), stream([frames(5, 6)], "stays")]);
    expect(await take(fixture, 6)).toEqual(count(6));
    const [, second, third] = asked(fixture);
    expect(["0", "2"]).toContain(second);
    expect(third).toBe("4");
    expect(fixture.platform.pending).toBe(0);
  });

  test("is tried again for ever, later and later, up to 30 s, and soon again once it worked", async () => {
    const down = Array.from({ length: 8 }, () => lost);
    const fixture = createFixture([...down, stream([frame(1)], "breaks"), lost, stream([frame(2)], "stays")]);
    expect(await take(fixture, 2)).toEqual([1, 2]);
    expect(fixture.platform.jumps).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 15000, 500, 1000]);
  });

  test("is opened again after a random part of the time that the server asks for, at least of 100 ms", async () => {
    const fixture = createFixture([
      stream([`retry: 5000\n\n${frame(1)}`], "ends"),
      stream(["retry: 0\n\n"], "ends"),
      stream([frame(2)], "stays"),
    ]);
    expect(await take(fixture, 2)).toEqual([1, 2]);
    expect(fixture.platform.jumps).toEqual([2_500, 50]);
  });

  test("after a full page, as hosts that cannot stream send it, is followed by the next at once", async () => {
    const page = (from: number): Reaction => stream([frames(from, from + 99)], "ends");
    const fixture = createFixture([
      page(1),
      page(101),
      stream([frames(201, 210)], "ends"),
      stream([frame(211)], "stays"),
    ]);
    expect(await take(fixture, 211)).toEqual(count(211));
    expect(fixture.platform.jumps).toEqual([0, 0, 500]);
  });

  test("never costs the retries of calls", async () => {
    const fixture = createFixture([...Array.from({ length: 50 }, () => lost), stream([frame(1)], "stays")], {
      retriesMax: 0,
    });
    expect(await take(fixture, 1)).toEqual([1]);
  });
});

describe("watching ends", () => {
  test.each([
    [403, "forbidden"],
    [404, "no-history"],
    [410, "erased"],
    [500, "internal"],
  ])("with an error for what no reconnecting mends: %i %s", async (status, code) => {
    const fixture = createFixture([stream([frame(1)], "ends"), problem(status, code)]);
    await expect(take(fixture, 2)).rejects.toMatchObject({ code, status });
    expect(fixture.sent).toHaveLength(2);
  });

  test("with an error where the answer is no stream, or an event has no end", async () => {
    await expect(
      take(
        createFixture(() => new Response("{}")),
        1,
      ),
    ).rejects.toMatchObject({ code: "unexpected-answer" });
    const endless = stream(
      Array.from({ length: 20 }, () => "x".repeat(65_536)),
      "stays",
    );
    await expect(take(createFixture(endless), 1)).rejects.toBeInstanceOf(ClientError);
  });

  test.each<[string, Reaction, number]>([
    ["while nothing comes", stream([frame(1)], "stays"), 1],
    ["while it connects", deaf, 0],
    ["between two connections", lost, 0],
  ])("on its signal without an error, %s", async (_when, reaction, expected) => {
    const controller = new AbortController();
    const { shop, platform } = createFixture(reaction);
    platform.after(10, () => controller.abort());
    let seen = 0;
    const loop = async (): Promise<void> => {
      for await (const _ of shop.cart("u1", { signal: controller.signal }).$watch()) seen++;
    };
    await platform.run(loop());
    expect([seen, platform.pending]).toEqual([expected, 0]);
  });

  test("on its signal although events are there, and frees the connection at once", async () => {
    const controller = new AbortController();
    let cancelled = 0;
    const { shop } = createFixture(stream([frames(1, 5)], "stays", () => void cancelled++));
    const versions: number[] = [];
    for await (const { version } of shop.cart("u1", { signal: controller.signal }).$watch()) {
      versions.push(version);
      if (version < 2) continue;
      controller.abort();
      expect(cancelled).toBe(1);
    }
    expect(versions).toEqual([1, 2]);
  });

  test("by leaving the loop, which frees the connection", async () => {
    let cancelled = 0;
    const fixture = createFixture(stream([frames(1, 5)], "stays", () => void cancelled++));
    expect(await take(fixture, 2)).toEqual([1, 2]);
    expect([cancelled, fixture.platform.pending]).toEqual([1, 0]);
  });

  test("before it begins where the signal was given already", async () => {
    const { shop, sent } = createFixture(stream([frame(1)], "stays"));
    for await (const _ of shop.cart("u1", { signal: AbortSignal.abort() }).$watch()) expect.fail();
    expect(sent).toEqual([]);
  });
});

test("a loop that does not keep up holds one chunk: no more is read from the network", async () => {
  let pulled = 0;
  const body = (): ReadableStream<Uint8Array> =>
    new ReadableStream(
      {
        pull(controller) {
          pulled++;
          controller.enqueue(new TextEncoder().encode(frames(pulled * 2 - 1, pulled * 2)));
        },
      },
      { highWaterMark: 0 },
    );
  const { shop, platform } = createFixture(() => new Response(body(), asStream));
  for await (const { version } of shop.cart("u1").$watch()) {
    // Time enough for a reader that would run ahead.
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(pulled).toBeLessThanOrEqual(Math.ceil(version / 2) + 1);
    if (version === 20) break;
  }
  expect([platform.pending, platform.jumps]).toEqual([0, []]);
});
