import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createSystem } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { authenticateJwt } from "holdfast/jwt";
import { describe, expect, test } from "vitest";
import { createKeyPair, startIssuer } from "../../security/issuer.ts";
import { spawnHost } from "./child.ts";
import { add, onCleanup, parse, raw, start, temporaryFolder } from "./fixtures.ts";

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const modesIn = (folder: string) => Object.fromEntries(readdirSync(folder).map((f) => [f, modeOf(join(folder, f))]));

describe("the data is its owner's alone:", () => {
  test.each(["000", "022", "077"])("folder, file, log and index, under umask %s", async (umask) => {
    const above = temporaryFolder();
    const data = join(above, "a", "b");
    const host = await spawnHost({ HOLDFAST_DATA: data }, { command: `umask ${umask}; exec` });
    const response = await fetch(`${host.url}/api/counter/c1/add`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"value":1}',
    });
    expect(response.status).toBe(200);
    expect(modeOf(data)).toBe("700");
    expect(modesIn(data)).toEqual({ "holdfast.db": "600", "holdfast.db-wal": "600", "holdfast.db-shm": "600" });
    // What is above it is made as the umask says: it holds nothing.
    expect(modeOf(join(above, "a"))).toBe((0o777 & ~Number.parseInt(umask, 8)).toString(8));
    await host.stop("SIGTERM");
    expect(modesIn(data)).toEqual({ "holdfast.db": "600" });
  });

  test("unless somebody has made it otherwise: what is there keeps its mode", async () => {
    const data = join(temporaryFolder(), "shared");
    mkdirSync(data);
    chmodSync(data, 0o770);
    writeFileSync(join(data, "holdfast.db"), "");
    chmodSync(join(data, "holdfast.db"), 0o660);
    const { host } = await start({ data });
    await add(host, "c1");
    expect([modeOf(data), modesIn(data)]).toEqual([
      "770",
      { "holdfast.db": "660", "holdfast.db-wal": "660", "holdfast.db-shm": "660" },
    ]);
  });

  test("at a path, which is no URI: that would be made as the umask says", () => {
    const folder = temporaryFolder();
    const make = () => createSqliteJournal({ file: `file:${join(folder, "journal.db")}`, system: createSystem() });
    expect(make).toThrowError(expect.objectContaining({ code: "journal-unavailable" }));
    expect(readdirSync(folder)).toEqual([]);
  });

  /** Where the system tells which locks a process holds: Linux. */
  const locks = "/proc/locks";
  test.skipIf(!existsSync(locks))(
    "a second journal on the file leaves the first one its locks (skipped without /proc/locks)",
    async () => {
      const file = join(temporaryFolder(), "holdfast.db");
      const system = createSystem();
      const first = createSqliteJournal({ file, system });
      const { ino } = statSync(file);
      const held = () =>
        readFileSync(locks, "utf8")
          .split("\n")
          .filter((line) => line.includes(`:${ino} `)).length;
      expect(held()).toBe(1);
      const second = createSqliteJournal({ file, system });
      expect(held()).toBe(1);
      await second.close();
      // Without it another process that closes the file takes the log away, into which the first one still writes.
      expect(held()).toBe(1);
      await first.close();
      expect(held()).toBe(0);
    },
  );
});

test("every answer has the security headers, those to what is not HTTP included", async () => {
  const { host } = await start({ server: { headerBytesMax: 2_048 } });
  const requests = [
    "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /nope HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /healthz HTTP/1.1\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
    "POST /api/counter/c1/add HTTP/1.1\r\nHost: x\r\nExpect: something\r\n\r\n",
    `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(3_000)}\r\n\r\n`,
    "not http at all\r\n\r\n",
  ];
  const statuses: number[] = [];
  for (const request of requests) {
    const connection = await raw(host);
    connection.write(request);
    const { status, head } = parse(await connection.until(/\r\n\r\n/));
    statuses.push(status);
    for (const line of [
      "cache-control: no-store",
      "x-content-type-options: nosniff",
      "content-security-policy: default-src 'none'; frame-ancestors 'none'",
      "cross-origin-resource-policy: same-origin",
      "x-correlation-id: ",
    ]) {
      expect(head.toLowerCase().split(line).length, `${line} in ${head}`).toBe(2);
    }
    connection.socket.destroy();
  }
  expect(statuses).toEqual([200, 404, 400, 400, 417, 431, 400]);
});

test("tokens are checked, pages of listed origins may come, and callers have their rate", async () => {
  const pair = await createKeyPair("k1");
  const issuer = await startIssuer(pair);
  onCleanup(() => issuer.close());
  const about = { issuer: "https://id.example", audience: "counters" };
  const authenticate = authenticateJwt({ ...about, jwks: issuer.url, tenantClaim: "org", required: true });
  const origin = "https://shop.example";
  const { host, log } = await start({
    authenticate,
    http: { cors: { origins: [origin] }, rate: { perSecond: 0.01, burst: 3 } },
  });
  const claims = { iss: about.issuer, aud: about.audience, sub: "ada", org: "acme" };
  const token = await pair.sign({ ...claims, exp: Math.floor(Date.now() / 1_000) + 600 });
  const authorization = `Bearer ${token}`;

  expect((await add(host, "c1")).status).toBe(401);
  expect((await fetch(`${host.url}/healthz`)).status).toBe(200);
  const old = await pair.sign({ ...claims, exp: Math.floor(Date.now() / 1_000) - 600 });
  const expired = await add(host, "c1", 1, { authorization: `Bearer ${old}` });
  expect([expired.status, expired.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
  expect(await expired.json()).toMatchObject({ code: "unauthenticated", detail: "The token has expired." });

  const asked = { origin, "access-control-request-method": "POST" };
  const preflight = await fetch(`${host.url}/api/counter/c1/add`, { method: "OPTIONS", headers: asked });
  expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, origin]);

  const answers = [];
  for (let i = 0; i < 4; i++) answers.push(await add(host, "c1", 1, { authorization, origin }));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
  for (const { headers } of answers) expect(headers.get("access-control-allow-origin")).toBe(origin);
  expect(answers[3]?.headers.get("retry-after")).toMatch(/^(100|99)$/);
  expect(issuer.asked).toBe(1);
  const text = JSON.stringify(log);
  for (const part of [...token.split("."), ...old.split(".")]) expect(text).not.toContain(part);
});

test("an issuer that does not answer is 503 with a time to come back, and is in the log with its reason", async () => {
  const pair = await createKeyPair("k1");
  const issuer = await startIssuer(pair);
  onCleanup(() => issuer.close());
  issuer.answer = (_incoming, outgoing) => void outgoing.writeHead(502).end();
  const authenticate = authenticateJwt({ issuer: "https://id.example", audience: "counters", jwks: issuer.url });
  const { host, log } = await start({ authenticate });
  const token = await pair.sign({ iss: "https://id.example", aud: "counters", sub: "ada", exp: 4_000_000_000 });
  const response = await add(host, "c1", 1, { authorization: `Bearer ${token}` });
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
  const problem = (await response.json()) as object;
  expect(problem).toMatchObject({ code: "unavailable" });
  expect(problem).not.toHaveProperty("detail");
  const error = log.find(({ level }) => level === "error")?.fields["error"];
  expect(error).toMatchObject({ code: "jwks-unavailable", cause: new Error("the issuer answers 502") });
  expect((await add(host, "c1")).status).toBe(200);
});
