import * as fc from "fast-check";
import { isHoldfastError } from "holdfast";
import { authenticateJwt } from "holdfast/jwt";
import { expect, test } from "vitest";
import { runs } from "../core/fuzz.ts";
import { createKeyPair, type KeyPair } from "./issuer.ts";

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value) ?? "").toString("base64url");

const pairs = await Promise.all([createKeyPair("k1"), createKeyPair("k2", "RS256"), createKeyPair("k3", "EdDSA")]);
const authenticate = authenticateJwt({
  issuer: "i",
  audience: "a",
  keys: { keys: pairs.map(({ jwk }) => ({ ...jwk })) },
  algorithms: ["ES256", "RS256", "PS256", "EdDSA", "ES384", "ES512", "RS512", "Ed25519"],
  tenantClaim: "t",
});

/** What comes of a header: a tenant, or the code with which it is refused; anything else fails the test. */
async function outcome(authorization: string): Promise<string> {
  // As a host hands it over: a Request would refuse what no header may hold.
  const headers = { get: (name: string) => (name === "authorization" ? authorization : null) };
  try {
    const principal = await authenticate({ headers } as unknown as Request);
    return `tenant ${principal?.tenant}`;
  } catch (error) {
    if (isHoldfastError(error, "unauthenticated")) return error.code;
    throw error;
  }
}

const words = [
  "alg",
  "kid",
  "typ",
  "crit",
  "b64",
  "jwk",
  "jku",
  "x5c",
  "p2c",
  "zip",
  "enc",
  "iss",
  "aud",
  "exp",
  "nbf",
];
const values = fc.oneof(
  fc.constantFrom("none", "HS256", "RS256", "ES256", "EdDSA", "PS256", "ES512", "k1", "k2", "k3", "i", "a", "x"),
  fc.constantFrom<unknown>(0, -1, 1e308, 4_000_000_000, true, null, [], {}, ["b64"], ["alg"], ["a"], pairs[0]?.jwk),
  fc.jsonValue({ maxDepth: 2 }),
);
const objects = fc.dictionary(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 8 })), values, { maxKeys: 8 });
const parts = fc.oneof(objects.map(encode), fc.jsonValue({ maxDepth: 1 }).map(encode), fc.base64String(), fc.string());

test("whatever the header is: refused as unauthenticated, never a failure of ours", async () => {
  const headers = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.array(parts, { maxLength: 6 }).map((list) => `Bearer ${list.join(".")}`),
    fc.tuple(objects, objects, fc.uint8Array({ maxLength: 300 })).map(([header, claims, signature]) => {
      const bytes = Buffer.from(signature).toString("base64url");
      return `Bearer ${encode({ alg: "ES256", kid: "k1", ...header })}.${encode(claims)}.${bytes}`;
    }),
  );
  await fc.assert(
    fc.asyncProperty(headers, async (header) => {
      expect(await outcome(header)).toBe("unauthenticated");
    }),
    runs(2_000),
  );
});

test("whatever is signed: taken as the tenant that it says, or refused as unauthenticated", async () => {
  let taken = 0;
  const claims = fc.record(
    {
      iss: fc.oneof({ weight: 5, arbitrary: fc.constant("i") }, values),
      aud: fc.oneof({ weight: 5, arbitrary: fc.constant("a") }, values),
      exp: fc.oneof({ weight: 5, arbitrary: fc.constant(4_000_000_000) }, values),
      sub: fc.oneof({ weight: 5, arbitrary: fc.constant("ada") }, values, fc.string()),
      t: fc.oneof({ weight: 5, arbitrary: fc.constantFrom("acme", "a-b-c") }, values, fc.string()),
      nbf: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, values),
      iat: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, values),
      tenant: values,
    },
    { requiredKeys: ["iss", "aud", "exp"] },
  );
  await fc.assert(
    fc.asyncProperty(claims, fc.constantFrom<KeyPair>(...pairs), async (claims, pair) => {
      // What JSON cannot carry as a claim is part of the question.
      const token = await pair.sign(claims as never);
      const found = await outcome(`Bearer ${token}`);
      if (found === "unauthenticated") return;
      taken++;
      expect(found).toBe(`tenant ${String(claims.t)}`);
      expect([claims.iss, claims.t]).toEqual(["i", expect.stringMatching(/^[a-z0-9-]{1,64}$/)]);
      expect([claims.aud].flat()).toContain("a");
      expect(claims.exp).toBeGreaterThan(Date.now() / 1_000);
    }),
    runs(500),
  );
  expect(taken).toBeGreaterThan(20);
});
