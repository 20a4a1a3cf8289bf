import { runInNewContext } from "node:vm";
import type { Principal } from "holdfast";
import type { Authenticate } from "holdfast/http";
import { expect, test } from "vitest";
import { alice, createFixture, problemOf } from "./fixtures.ts";

/** What JavaScript, or a cast, lets `authenticate` say. */
const saying = (said: unknown): Authenticate => {
  return () => said as Principal;
};

test.each<readonly [string, unknown]>([
  ["no tenant", { ...alice, tenant: undefined }],
  ["a tenant that is null", { ...alice, tenant: null }],
  ["a list of tenants", { ...alice, tenant: ["default"] }],
  ["no id", { ...alice, id: undefined }],
  ["a number for an id", { ...alice, id: 1 }],
  ["a kind that there is not", { ...alice, kind: "admin" }],
  ["no claims", { ...alice, claims: undefined }],
  ["true", true],
  ["false", false],
  ["a name", "alice"],
])("a principal with %s is a mistake of the host's, and does nothing", async (_what, said) => {
  for (const authenticate of [saying(said), saying(Promise.resolve(said))]) {
    const { send, stored, log } = createFixture({ http: { authenticate } });
    for (const response of [
      await send("POST", "/api/box/b1/put", { json: { value: 1 } }),
      await send("GET", "/api/box/b1"),
      await send("GET", "/api/box/b1/events"),
    ]) {
      expect([response.status, await problemOf(response)]).toMatchObject([500, { code: "internal" }]);
    }
    expect(await stored()).toBe("[]");
    expect(log.filter(({ level }) => level === "error").map(({ fields }) => String(fields["error"]))).toEqual(
      Array.from({ length: 3 }, () => expect.stringContaining("authenticate must return a principal")),
    );
  }
});

test("what can be waited for is waited for, whoever's promise it is", async () => {
  const said: unknown = runInNewContext("Promise.resolve(alice)", { alice });
  expect(said).not.toBeInstanceOf(Promise);
  const authenticate = saying(said);
  const { send } = createFixture({ http: { authenticate } });
  expect((await send("POST", "/api/vault/v1/open")).status).toBe(204);
});

test.each([undefined, null])("%s is nobody in particular", async (said) => {
  const { send } = createFixture({ http: { authenticate: saying(said) } });
  expect((await send("POST", "/api/vault/v1/open")).status).toBe(401);
});
