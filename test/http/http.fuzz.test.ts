import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { app, createFixture, problemOf } from "./fixtures.ts";

/** Commands that fail on purpose have their own tests. */
const failing = new Set(["fail", "promise", "asyncFail", "nonsense"]);
const commands = [...app.entities.values()].flatMap(({ commands }) => [...commands.keys()]);

const hostile = fc.oneof(
  fc.constantFrom(
    "",
    ".",
    "..",
    "%2e%2e",
    "%2F",
    "%00",
    "%",
    "%C0%AF",
    "a%2Fb",
    "__proto__",
    "constructor",
    "*",
    "?",
    "#",
  ),
  fc.string({ unit: "binary-ascii", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
);
const segment = (...usual: readonly string[]) =>
  fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: hostile });
const entityPath = fc.oneof(
  fc
    .tuple(
      segment("box", "vault", "pile"),
      segment("b1", "b2"),
      segment(...commands.filter((name) => !failing.has(name)), "events"),
      fc.constantFrom("", "?after=1", "?limit=x", "?", "/more"),
    )
    .map(([entity, id, command, rest]) => `/api/${entity}/${id}/${command}${rest}`),
  fc.tuple(segment("box"), segment("b1")).map(([entity, id]) => `/api/${entity}/${id}`),
);
const path = fc.oneof(
  { weight: 6, arbitrary: entityPath },
  fc.constantFrom("/healthz", "/readyz", "/openapi.json"),
  hostile,
);

/** What a header may hold on the wire. */
const headerText = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."aZ0\"'\\,;=*W/- \u00e9\u00ff\t"), maxLength: 12 }),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 300 }),
);
const usual: { readonly [name: string]: readonly string[] } = {
  "content-type": ["application/json", "text/plain", "application/json; charset=latin1"],
  "content-encoding": ["gzip", "identity"],
  "content-length": ["0", "5", "99999999", "x"],
  "idempotency-key": ["k", '"k"', '"', "hf1.1.x"],
  "if-match": ['"0"', '"1"', "*", 'W/"1"'],
  "if-none-match": ['"0"', "*"],
  "last-event-id": ["0", "x"],
  accept: ["text/event-stream", "*/*"],
  authorization: ["Bearer alice", "Bearer mallory", "Bearer expired", "Bearer eve@other", "Bearer eve@NOT"],
  "x-correlation-id": ["c1"],
  traceparent: ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
};
const header = fc.oneof(
  ...Object.entries(usual).map(([name, values]) =>
    fc.tuple(fc.constant(name), fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...values) }, headerText)),
  ),
);
const headers = fc.oneof(
  fc.array(header, { maxLength: 3 }).map((list) => Object.fromEntries([["content-type", "application/json"], ...list])),
  fc.array(header, { maxLength: 5 }).map((list) => Object.fromEntries(list)),
);

const body = fc.oneof(
  fc.constant(undefined),
  fc.constantFrom('{"value":1}', '{"value":1e400}', '{"__proto__":1}', "", "{", '"\\ud800"', '{"chars":1,"times":1}'),
  fc.json({ maxDepth: 4 }),
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
);
const method = fc.constantFrom("GET", "HEAD", "POST", "POST", "POST", "OPTIONS", "PUT", "DELETE", "PATCH", "QUERY");

const errors = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
const documented = new Set([...errors.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, code]) => code));

test("whatever is sent: never a 500, every error is a problem with a code, and the next request works", async () => {
  let stored = 0;
  const fixture = createFixture({
    http: { bodyBytesMax: 1_000 },
    journal: (inner) => ({ ...inner, append: (append) => (stored++, inner.append(append)) }),
  });
  const statuses = new Set<number>();
  await fc.assert(
    fc.asyncProperty(method, path, headers, body, async (method, target, headers, body) => {
      const takesBody = method !== "GET" && method !== "HEAD" && body !== undefined;
      const options = {
        headers,
        env: { target },
        ...(takesBody && { body: body as NonNullable<RequestInit["body"]> }),
      };
      const before = stored;
      const response = await fixture.send(method, "/", options);
      statuses.add(response.status);
      expect(response.status).not.toBe(500);
      expect(response.headers.get("x-correlation-id")).not.toBeNull();
      if (response.status >= 400 && method !== "HEAD") {
        const problem = await problemOf(response);
        if (!problem.rejected) {
          expect(documented).toContain(problem.code);
          expect(stored).toBe(before);
        }
        expect(JSON.stringify(problem)).not.toMatch(/\\n\s+at |node_modules|node:internal|\.[cm]?[jt]s:\d|file:\/\//);
      } else {
        if (method !== "POST") expect(stored).toBe(before);
        await response.body?.cancel();
      }
      const next = await fixture.send("POST", "/api/box/next/ping");
      expect(next.status).toBe(200);
    }),
    { numRuns: 6_000, interruptAfterTimeLimit: 7_000 },
  );
  // The generator reaches what it is meant to reach; rarer answers have tests of their own.
  for (const status of [200, 204, 400, 401, 404, 405, 415, 422]) expect(statuses).toContain(status);
  expect(fixture.log.filter(({ level }) => level === "error")).toEqual([]);
});

test("every id that may be one comes back as it was sent, and every other is invalid-id", async () => {
  const { send } = createFixture();
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 80 }), async (id) => {
      const target = `/api/box/${encodeURIComponent(id)}`;
      const response = await send("GET", "/", { env: { target } });
      // oxlint-disable-next-line no-control-regex -- the rule itself
      const forbidden = id === "" || id === "." || id === ".." || /[\u0000-\u001f\u007f-\u009f/\\?#]/.test(id);
      const allowed = !forbidden && id.normalize("NFC") === id && new TextEncoder().encode(id).byteLength <= 256;
      expect([id, response.status]).toEqual([id, allowed ? 200 : 400]);
      if (allowed) expect(await response.json()).toMatchObject({ id });
      else expect((await problemOf(response)).code).toBe("invalid-id");
    }),
    { numRuns: 1_000, interruptAfterTimeLimit: 3_000 },
  );
});
