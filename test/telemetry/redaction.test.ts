import { createHttp } from "holdfast/http";
import { createTestApp } from "holdfast/testing";
import { stdSerializers } from "pino";
import { describe, expect, test } from "vitest";
import { app, cart, keepingLogger, type Line } from "./fixtures.ts";

/** In everything that a stranger may send and that is no id. */
const secret = "hunter2";

/** What the local host's log would show from `info` on, errors with their causes. */
function shown(lines: readonly Line[]): string {
  const loud = lines.filter(({ level }) => level !== "debug");
  return JSON.stringify(
    loud.map(({ fields, text }) => ({
      ...fields,
      ...("error" in fields && { error: stdSerializers.errWithCause(fields["error"] as Error) }),
      text,
    })),
  );
}

describe("the log at info", () => {
  test("has no input, key or token that came in by HTTP", async () => {
    const lines: Line[] = [];
    const run = createTestApp(app, { services: { failures: [] }, log: keepingLogger(lines) });
    // So that lines at `info` and above are written for what goes wrong, too.
    const http = createHttp(run, {
      authenticate: async (request) => {
        if (request.headers.get("x-break")) throw new Error("the directory does not answer");
        return { kind: "user", id: "u1", tenant: "default", claims: { token: secret } };
      },
    });
    const post = (body: string, headers: Record<string, string> = {}, path = "/api/cart/c1/checkout") =>
      http.fetch(
        new Request(`http://x${path}`, {
          method: "POST",
          headers: {
            "content-type": "application/json",
            authorization: `Bearer ${secret}`,
            cookie: secret,
            ...headers,
          },
          body,
        }),
      );
    const input = JSON.stringify({ text: secret });
    const statuses = [
      await post(input, { "idempotency-key": secret }),
      await post(JSON.stringify({ text: `${secret}2` }), { "idempotency-key": secret }),
      await post(`{"text": ${secret}`),
      await post(JSON.stringify({ text: [secret] })),
      await post(input, { "idempotency-key": `"${secret}` }),
      await post(input, { "if-match": secret }),
      await post(input, { "content-type": secret }),
      await post(input, { "x-break": "1", "idempotency-key": secret }),
    ].map(({ status }) => status);
    expect(statuses).toEqual([204, 422, 400, 422, 400, 400, 415, 500]);
    await run.delivered();
    expect(shown(lines)).toContain("the request failed unexpectedly");
    expect(shown(lines)).toContain("an order is opened");
    expect(shown(lines)).not.toContain(secret);
    await run.close();
  });

  test("has nothing of a queue's messages but their ids: neither bodies, nor the keys made of them, nor attributes", async () => {
    const lines: Line[] = [];
    const run = createTestApp(app, { services: { failures: [] }, log: keepingLogger(lines) });
    const attributes = { authorization: `Bearer ${secret}`, traceparent: secret };
    await run.send("imports", { id: secret, text: secret }, { id: "m1", attributes });
    await run.send("imports", { id: secret, text: [secret] }, { id: "m2", attributes });
    await run.send("imports", secret, { id: "m3" });
    await run.journal.send("queue:imports", [{ name: "m4", body: `{"id":${secret}`, created: run.clock.now() }]);
    await run.delivered();
    expect(lines.find(({ text }) => text === "imported")?.fields).toMatchObject({
      message: "m1",
      correlation: "imports-m1",
    });
    const dead = lines
      .filter(({ level }) => level === "error")
      .map(({ fields }) => [fields["message"], fields["code"]]);
    expect(dead.toSorted()).toEqual([
      ["m2", "validation-failed"],
      ["m3", "validation-failed"],
      ["m4", "malformed-json"],
    ]);
    expect(shown(lines)).not.toContain(secret);
    await run.close();
  });

  test("has no input of what was sent and rejected, and says what it belongs to", async () => {
    const lines: Line[] = [];
    const run = createTestApp(app, { services: { failures: [] }, log: keepingLogger(lines) });
    await run.call(cart, "c1", { key: secret }).nag();
    await run.delivered();
    const line = lines.find(({ text }) => text.includes("was rejected"));
    expect(line?.fields).toMatchObject({ entity: "shipment", command: "refuse", code: "no-way" });
    expect(Object.keys(line?.fields ?? {})).toEqual(expect.arrayContaining(["message", "correlation"]));
    expect(shown(lines)).not.toContain(secret);
    await run.close();
  });

  test("has what the app itself puts into the text of an error", async () => {
    const lines: Line[] = [];
    const failures = [new Error(`the gateway said ${secret}`)];
    const run = createTestApp(app, { services: { failures }, log: keepingLogger(lines) });
    await run.call(cart, "c1").checkout({ text: "x" });
    await run.delivered();
    expect(shown(lines)).toContain(secret);
    const failed = lines.find(({ level }) => level === "warn");
    expect(failed?.fields).toMatchObject({ consumer: "subscription:fulfilment", attempts: 1 });
    expect(Object.keys(failed?.fields ?? {})).toEqual(expect.arrayContaining(["message", "correlation"]));
    await run.close();
  });
});
