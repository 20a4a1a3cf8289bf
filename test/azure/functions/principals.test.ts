import { easyAuthPrincipal, functionKeyPrincipal } from "holdfast/azure/functions";
import { describe, expect, test } from "vitest";

const on = { WEBSITE_AUTH_ENABLED: "True" };
const oid = "http://schemas.microsoft.com/identity/claims/objectidentifier";

/** A request with what the platform says of its sender. */
function from(claims: unknown): Request {
  const header = Buffer.from(JSON.stringify({ auth_typ: "aad", claims })).toString("base64");
  return new Request("https://shop.test/", { headers: { "x-ms-client-principal": header } });
}

const claim = (typ: string, val: string): object => ({ typ, val });

describe("a caller whom App Service authentication has let in", () => {
  test("is known by his object id, with his claims", () => {
    const claims = [
      claim("sub", "s1"),
      claim(oid, "o1"),
      claim("roles", "a"),
      claim("roles", "b"),
      claim("roles", "c"),
    ];
    expect(easyAuthPrincipal({}, on)(from(claims))).toEqual({
      kind: "user",
      id: "o1",
      tenant: "default",
      claims: { sub: "s1", [oid]: "o1", roles: ["a", "b", "c"] },
    });
  });

  test("may be known by what the app names, in the tenant that it names", () => {
    const authenticate = easyAuthPrincipal({ id: "email", tenant: "tid", claims: ({ roles }) => ({ roles }) }, on);
    expect(authenticate(from([claim("email", "a@b"), claim("tid", "t1"), claim("roles", "r")]))).toEqual({
      kind: "user",
      id: "a@b",
      tenant: "t1",
      claims: { roles: "r" },
    });
  });

  test("is refused where he has no id, or not the tenant that is asked for", () => {
    expect(() => easyAuthPrincipal({}, on)(from([claim("name", "x")]))).toThrowError(
      expect.objectContaining({ code: "unauthenticated" }),
    );
    expect(() => easyAuthPrincipal({ tenant: "tid" }, on)(from([claim("sub", "x")]))).toThrowError(
      expect.objectContaining({ code: "unauthenticated" }),
    );
  });

  test("nobody said anything: he is nobody in particular", () => {
    expect(easyAuthPrincipal({}, on)(new Request("https://shop.test/"))).toBeUndefined();
  });

  test.each([
    ["no claims", { claims: "none" }],
    ["a claim without a value", { claims: [{ typ: "sub" }] }],
    ["a claim that is null", { claims: [null] }],
    ["null", null],
    ["a number", 5],
  ])("what is said is %s: refused, without what it was", (_what, value) => {
    const header = Buffer.from(JSON.stringify(value)).toString("base64");
    const request = new Request("https://shop.test/", { headers: { "x-ms-client-principal": header } });
    expect(() => easyAuthPrincipal({}, on)(request)).toThrowError(expect.objectContaining({ code: "unauthenticated" }));
  });

  test("a claim called __proto__ is a claim", () => {
    const principal = easyAuthPrincipal({}, on)(from([claim("__proto__", "x"), claim("sub", "s")]));
    expect(principal).toMatchObject({ id: "s" });
  });

  test.each([{}, { WEBSITE_AUTH_ENABLED: "False" }, { WEBSITE_AUTH_ENABLED: "" }])(
    "where it is not turned on (%j) anybody could say so: the app refuses to start",
    (env) => {
      expect(() => easyAuthPrincipal({}, env)).toThrowError(
        expect.objectContaining({ code: "invalid-options", message: expect.stringContaining("WEBSITE_AUTH_ENABLED") }),
      );
    },
  );
});

test("whoever has a key is the principal that the app names", () => {
  const request = new Request("https://shop.test/");
  expect(functionKeyPrincipal()(request)).toEqual({ kind: "user", id: "function-key", tenant: "default", claims: {} });
  expect(functionKeyPrincipal({ id: "partner", tenant: "t1" })(request)).toMatchObject({ id: "partner", tenant: "t1" });
});
