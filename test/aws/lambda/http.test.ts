import { holdfast } from "holdfast";
import {
  createContainer,
  createHttpHandler,
  type Container,
  type HttpEvent,
  type HttpHandlerOptions,
} from "holdfast/aws/lambda";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { answerBytesMax, answerOf } from "../../../src/aws/lambda/http/answer.ts";
import { apiEvent, createWorld, lambdaContext, responseOf, urlEvent, type Sent, type World } from "./fixtures.ts";

const h = holdfast<{ readonly wait: () => Promise<void> }>();
const text = z.object({ text: z.string() });

const note = h
  .entity("note", {
    initial: () => ({ text: "" }),
    events: { written: text },
    evolve: { written: (_state, { text }) => ({ text }) },
    view: (state, { id }) => ({ ...state, id }),
    history: true,
  })
  .command("write", { input: text, decide: (_state, input, { events }) => events.written(input) })
  .command("slow", {
    prepare: (_input, { services }) => services.wait(),
    decide: (_s, _i, { events }) => events.written({ text: "slow" }),
  });
const closed = h
  .entity("closed", {
    initial: () => ({}),
    events: { done: z.object({}) },
    evolve: { done: (s) => s },
    authorize: () => true,
  })
  .command("do", { decide: (_s, _i, { events }) => events.done({}) });
const app = h.app({ entities: [note, closed] });

interface Fixture extends World {
  send(sent: Sent, kind?: (sent: Sent) => HttpEvent, timeoutMs?: number): Promise<Response>;
}

function fixture(options: HttpHandlerOptions = {}, wait: () => Promise<void> = async () => {}): Fixture {
  const world = createWorld(app, { services: { wait } });
  const handler = createHttpHandler(world.container, { public: true, ...options });
  return {
    ...world,
    async send(sent, kind = urlEvent, timeoutMs = 30_000) {
      return responseOf(await handler(kind(sent), lambdaContext(world.system, timeoutMs)));
    },
  };
}

const json = { "content-type": "application/json" };
const write = (id: string, body: Sent["body"] = '{"text":"x"}', kind = "write"): Sent => ({
  method: "POST",
  target: `/api/note/${id}/${kind}`,
  headers: json,
  body,
});
const view = (id: string): Sent => ({ method: "GET", target: `/api/note/${id}` });
const code = async (response: Response): Promise<unknown> => [
  response.status,
  ((await response.json()) as { code: string }).code,
];

describe.each([
  ["a Function URL", urlEvent],
  ["an HTTP API", apiEvent],
])("behind %s", (_name, kind) => {
  test.each(["u1", "a%20b", "%CE%BB-%E4%B8%96%E7%95%8C", "%F0%9F%98%80", "a+b", "a%2Bb", "a%40b%3A(c)!~*'"])(
    "the id %s is the one that was sent",
    async (id) => {
      const { send } = fixture();
      expect((await send(write(id), kind)).status).toBe(204);
      const shown = await send(view(id), kind);
      expect(await shown.json()).toEqual({ text: "x", id: decodeURIComponent(id) });
    },
  );

  test("a body in base64 is the same as one in text", async () => {
    const { send } = fixture();
    await send(write("u1", Buffer.from('{"text":"\u00fcml\u00e4ut"}')), kind);
    expect(await (await send(view("u1"), kind)).json()).toEqual({ text: "\u00fcml\u00e4ut", id: "u1" });
  });

  test("a query arrives as it was sent, repeated parameters too", async () => {
    const { send } = fixture();
    await send(write("u1"), kind);
    const page = await send({ method: "GET", target: "/api/note/u1/events?after=0&limit=1" }, kind);
    expect(((await page.json()) as { events: unknown[] }).events).toHaveLength(1);
    const twice = await send({ method: "GET", target: "/api/note/u1/events?limit=1&limit=2" }, kind);
    expect(await code(twice)).toEqual([400, "invalid-query"]);
  });

  test("HEAD has the headers of GET and no body; 204 and 304 have none", async () => {
    const { send } = fixture();
    const written = await send(write("u1"), kind);
    expect([written.status, await written.text()]).toEqual([204, ""]);
    const head = await send({ ...view("u1"), method: "HEAD" }, kind);
    expect([head.status, head.headers.get("etag"), await head.text()]).toEqual([200, '"1"', ""]);
    const same = await send({ ...view("u1"), headers: { "if-none-match": '"1"' } }, kind);
    expect([same.status, await same.text()]).toEqual([304, ""]);
  });

  test("cookies reach whoever authenticates, once", async () => {
    const seen: unknown[] = [];
    const { send } = fixture({
      authenticate: (_event, request) => void seen.push(request.headers.get("cookie")) as undefined,
    });
    await send({ ...view("u1"), cookies: ["session=abc123", "theme=dark"] }, kind);
    expect(seen).toEqual(["session=abc123; theme=dark"]);
  });

  test("an event stream is one bounded answer that says when to come again", async () => {
    const { send } = fixture();
    await send(write("u1"), kind);
    const stream = await send(
      { method: "GET", target: "/api/note/u1/events", headers: { accept: "text/event-stream" } },
      kind,
    );
    expect(await stream.text()).toMatch(/^retry: 2000\n\nid: 1\nevent: note.written\ndata: \{.*\}\n\n$/);
  });

  test("the correlation id of the caller is the answer's, problems included", async () => {
    const { send } = fixture();
    const headers = { "x-correlation-id": "c1" };
    for (const target of ["/api/note/u1", "/api/nothing/u1", "/elsewhere"]) {
      expect((await send({ method: "GET", target, headers }, kind)).headers.get("x-correlation-id")).toBe("c1");
    }
  });
});

test("the caller's traceparent is stored with what the command commits", async () => {
  const { send, journal } = fixture();
  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  await send({ ...write("u1"), headers: { ...json, traceparent } });
  const [record] = await journal.history({ tenant: "default", entity: "note", id: "u1" }, { after: 0, limit: 1 });
  expect(record?.entries).toContain(traceparent);
});

describe("what an HTTP API makes of an id", () => {
  test.each([
    ["a%253Fb", "a ?"],
    ["a%23b", "a #"],
    ["a%5Cb", "a backslash"],
    ["a%2525b", "a %"],
  ])("%s (%s is left) is refused, never served as another id", async (id) => {
    const { send, journal } = fixture();
    const response = await send(write(id), apiEvent);
    expect(await code(response)).toEqual([400, "invalid-id"]);
    expect(await journal.streams({ tenant: "default", entity: "note", limit: 10 })).toEqual([]);
  });

  test.each(["a%3Fb", "a%2Fwrite", "a%252Fwrite", "a%2541"])(
    "%s is refused where the route's parameters show it",
    async (id) => {
      const { send, journal } = fixture();
      const routed = (sent: Sent): HttpEvent => ({
        ...apiEvent(sent),
        routeKey: "ANY /{proxy+}",
        pathParameters: { proxy: `api/note/${id}/write` },
      });
      expect(await code(await send(write(id), routed))).toEqual([400, "invalid-id"]);
      expect(await journal.streams({ tenant: "default", entity: "note", limit: 10 })).toEqual([]);
    },
  );

  test.each(["u1", "a%20b", "%CE%BB"])("%s is taken where the route's parameters agree, encoded or not", async (id) => {
    const { send } = fixture();
    for (const proxy of [`api/note/${id}/write`, decodeURIComponent(`api/note/${id}/write`)]) {
      const routed = (sent: Sent): HttpEvent => ({
        ...apiEvent(sent),
        routeKey: "ANY /{proxy+}",
        pathParameters: { proxy },
      });
      expect((await send(write(id), routed)).status).toBe(204);
    }
  });

  test("a %2F, %3F or %25 through a Function URL is what was sent", async () => {
    const { send } = fixture();
    for (const id of ["a%2Fb", "a%3Fb"]) expect(await code(await send(write(id)))).toEqual([400, "invalid-id"]);
    expect((await send(write("a%252Fb"))).status).toBe(204);
    expect(await (await send(view("a%252Fb"))).json()).toEqual({ text: "x", id: "a%2Fb" });
  });
});

describe("what stands before the app's paths", () => {
  const staged =
    (stage: string, domainName: string, prefix: string) =>
    (sent: Sent): HttpEvent => {
      const event = apiEvent(sent);
      return {
        ...event,
        rawPath: prefix + event.rawPath,
        requestContext: { ...event.requestContext, stage, domainName },
      };
    };
  const own = "sjzepsqsu5.execute-api.us-west-2.amazonaws.com";

  test.each([
    ["a stage of the API's own domain", staged("prod", own, "/prod"), {}],
    ["a stage that is called as our paths begin", staged("api", own, "/api"), {}],
    ["a custom domain's base path", staged("prod", "api.example.com", "/shop/v1"), { basePath: "/shop/v1" }],
    ["nothing, though there is a stage", staged("api", "api.example.com", ""), {}],
  ])("is cut off: %s", async (_what, kind, options) => {
    const { send } = fixture(options);
    expect((await send(write("u1"), kind)).status).toBe(204);
    expect((await send({ method: "GET", target: "/healthz" }, kind)).status).toBe(200);
  });

  test("a path without the base path is 404", async () => {
    const { send } = fixture({ basePath: "/shop" });
    expect(await code(await send(view("u1"), staged("prod", "api.example.com", "/shopping")))).toEqual([
      404,
      "not-found",
    ]);
  });
});

describe("time", () => {
  test("nothing is begun that Lambda would not let finish", async () => {
    const { send, journal } = fixture();
    expect(await code(await send(write("u1"), urlEvent, 400))).toEqual([503, "deadline-exceeded"]);
    expect(await journal.streams({ tenant: "default", entity: "note", limit: 10 })).toEqual([]);
  });

  test("a command is not stored behind the remaining time, and says so before Lambda ends it", async () => {
    let go = (): void => {};
    const { send, journal, system } = fixture({}, () => new Promise<void>((resolve) => void (go = resolve)));
    const answer = send(write("u1", "", "slow"), urlEvent, 3_000);
    await system.clock.advance(2_499);
    go();
    expect((await answer).status).toBe(204);
    const late = send(write("u2", "", "slow"), urlEvent, 3_000);
    await system.clock.advance(2_900);
    go();
    expect(await code(await late)).toEqual([503, "deadline-exceeded"]);
    await system.clock.advance(10_000);
    expect(await journal.streams({ tenant: "default", entity: "note", limit: 10 })).toEqual(["u1"]);
  });

  test("a store that does not answer is 503 within the remaining time: unknown for a command, given up for a read", async () => {
    const world = createWorld(app, {
      services: {},
      journal: (inner) => ({ ...inner, load: () => new Promise(() => {}) }),
    });
    const handler = createHttpHandler(world.container, { public: true });
    for (const [sent, expected] of [
      [write("u1"), "outcome-unknown"],
      [view("u1"), "deadline-exceeded"],
    ] as const) {
      const answer = handler(urlEvent(sent), lambdaContext(world.system, 5_000));
      await world.system.clock.advance(4_900);
      expect(await code(responseOf(await answer))).toEqual([503, expected]);
    }
  });
});

describe("a container", () => {
  test("starts once for all invocations, and anew after a start that failed", async () => {
    const world = createWorld(app);
    let starts = 0;
    const container: Container = createContainer(app, {
      system: world.system,
      open: async () => {
        starts++;
        if (starts < 3) throw new Error("the secret store is down at 10.0.0.1");
        return { journal: world.journal };
      },
      openMessaging: () => Promise.reject(new Error("not asked")),
    });
    const handler = createHttpHandler(container, { public: true });
    expect(starts).toBe(1);
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const answer = await handler(urlEvent(view("u1")), lambdaContext(world.system));
      statuses.push(answer.statusCode);
      expect(answer.body).not.toContain("10.0.0.1");
      expect(answer.headers["content-type"]).toBe(
        answer.statusCode === 200 ? "application/json" : "application/problem+json",
      );
    }
    expect([starts, ...statuses]).toEqual([3, 500, 500, 200, 200]);
    expect(world.log.lines.filter(({ level }) => level === "error")).toHaveLength(2);
  });

  test("that does not start in time is refused before Lambda ends the invocation", async () => {
    const { system } = createWorld(app);
    const container = createContainer(app, {
      system,
      open: () => new Promise(() => {}),
      openMessaging: () => Promise.reject(new Error("not asked")),
    });
    const answer = createHttpHandler(container, { public: true })(urlEvent(view("u1")), lambdaContext(system, 3_000));
    await system.clock.advance(2_800);
    expect(await code(responseOf(await answer))).toEqual([503, "deadline-exceeded"]);
  });
});

test("the handler refuses to start where entities are open to everybody, and names them", () => {
  const { container } = createWorld(app);
  expect(() => createHttpHandler(container)).toThrowError(
    expect.objectContaining({ code: "invalid-options", message: expect.stringContaining("who may use note:") }),
  );
  expect(() => createHttpHandler(createWorld(h.app({ entities: [closed] })).container)).not.toThrow();
});

test.each<[string, object, string]>([
  ["an unknown option", { publik: true }, "publik"],
  ["live streams", { http: { live: true } }, "live"],
  ["an unknown bound", { http: { bodyMax: 1 } }, "bodyMax"],
  ["a base path with a slash at its end", { basePath: "/shop/" }, "/shop/"],
  ["another form of path", { path: "raw" }, "raw"],
])("%s is refused when the handler is made", (_what, options, named) => {
  const { container } = createWorld(app);
  expect(() => createHttpHandler(container, { public: true, ...options })).toThrowError(
    expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(named) }),
  );
});

test.each<[string, unknown, string]>([
  ["payload format 1.0", { version: "1.0", httpMethod: "GET", path: "/" }, "1.0"],
  ["messages", { Records: [] }, "Records"],
  ["nothing", null, "null"],
])("%s is answered with 500, and the log says what was expected", async (_what, event, named) => {
  const { container, system, log } = createWorld(app);
  const answer = await createHttpHandler(container, { public: true })(event as HttpEvent, lambdaContext(system));
  expect(await code(responseOf(answer))).toEqual([500, "internal"]);
  const [line] = log.lines.filter(({ level }) => level === "error");
  expect(String(line?.fields["error"])).toContain("payload format 2.0");
  expect(String(line?.fields["error"])).toContain(named);
});

test("headers that no Request takes are 400; bytes above ASCII are taken as a server would", async () => {
  const { send } = fixture();
  expect(await code(await send({ ...view("u1"), headers: { "x-bad": "a\nb" } }))).toEqual([400, "malformed-request"]);
  expect((await send({ ...view("u1"), headers: { "x-name": "\u4e16" } })).status).toBe(200);
});

test("a page of the longest events is one that Lambda takes", async () => {
  const { send } = fixture();
  const long = JSON.stringify({ text: '"'.repeat(60_000) });
  for (let i = 0; i < 40; i++) expect((await send(write("u1", long))).status).toBe(204);
  expect((await send({ method: "GET", target: "/api/note/u1/events" })).status).toBe(200);
});

test("an answer that Lambda would not take is refused, and says what to do", async () => {
  const headers = { "content-type": "application/json" };
  const answer = answerOf(new Response('"'.repeat(answerBytesMax / 2), { headers }));
  await expect(answer).rejects.toMatchObject({
    code: "invalid-query",
    message: expect.stringContaining("fewer events"),
  });
  expect((await answerOf(new Response('"'.repeat(answerBytesMax / 2 - 8), { headers }))).statusCode).toBe(200);
});

test("an answer that is no text travels in base64, cookies apart, as it was", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  const response = new Response(bytes, { headers: { "content-type": "image/png" } });
  response.headers.append("set-cookie", "a=1, b");
  response.headers.append("set-cookie", "c=2");
  const answer = await answerOf(response);
  expect(answer).toMatchObject({ cookies: ["a=1, b", "c=2"], isBase64Encoded: true });
  expect(new Uint8Array(await responseOf(answer).arrayBuffer())).toEqual(bytes);
  const broken = await answerOf(new Response(bytes, { headers: { "content-type": "text/plain" } }));
  expect(broken.isBase64Encoded).toBe(true);
});
