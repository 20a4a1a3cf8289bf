import { createHmac } from "node:crypto";
import { isHoldfastError } from "holdfast";
import { authenticateJwt, type JwtOptions } from "holdfast/jwt";
import { createVirtualSystem, type VirtualSystem } from "holdfast/testing";
import { exportSPKI, importJWK, SignJWT, type JWTPayload } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createKeyPair, startIssuer, type Issuer, type KeyPair } from "./issuer.ts";

let first: KeyPair;
let second: KeyPair;
let issuer: Issuer;
let system: VirtualSystem;

beforeAll(async () => {
  first = await createKeyPair("first");
  second = await createKeyPair("second");
});

beforeEach(async () => {
  system = createVirtualSystem();
  issuer = await startIssuer(first);
});

afterEach(() => issuer.close());

const seconds = (offset = 0): number => Math.floor(system.now() / 1_000) + offset;

const claims = (more: JWTPayload = {}): JWTPayload => ({
  iss: "https://id.example",
  aud: "shop",
  sub: "ada",
  exp: seconds(600),
  ...more,
});

const without = (claims: JWTPayload, name: string): JWTPayload =>
  Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));

/** With the issuer's keys, unless others are given. */
const authenticator = (options: Partial<JwtOptions> = {}) =>
  authenticateJwt({
    issuer: "https://id.example",
    audience: "shop",
    system,
    ...(options.keys === undefined && options.secret === undefined && { jwks: issuer.url }),
    ...options,
  });

const requestWith = (authorization?: string): Request =>
  new Request("http://holdfast.test/api/cart/u1", authorization === undefined ? {} : { headers: { authorization } });

type Authenticate = ReturnType<typeof authenticator>;
const ask = async (authenticate: Authenticate, token: string) => authenticate(requestWith(`Bearer ${token}`));

/** The code and message with which a token is refused; "" if it is not. Checks that the error holds nothing of it. */
async function refusal(authenticate: Authenticate, token: string): Promise<readonly [code: string, message: string]> {
  try {
    await ask(authenticate, token);
    return ["", ""];
  } catch (error) {
    if (!isHoldfastError(error)) throw error;
    const all = JSON.stringify([error.message, error.details, String(error.cause), error.stack]);
    for (const part of token.split(".")) if (part.length > 10) expect(all).not.toContain(part);
    expect(all).not.toContain("ada");
    return [error.code, error.message];
  }
}

describe("a token", () => {
  test("tells id, claims and, where a claim says so, the tenant", async () => {
    const token = await first.sign(claims({ org: "acme", role: "clerk" }));
    expect(await ask(authenticator(), token)).toMatchObject({
      kind: "user",
      id: "ada",
      tenant: "default",
      claims: { role: "clerk", iss: "https://id.example" },
    });
    expect(await ask(authenticator({ tenantClaim: "org", idClaim: "role" }), token)).toMatchObject({
      id: "clerk",
      tenant: "acme",
    });
  });

  test.each(["RS256", "PS256", "ES256", "EdDSA"])("may be signed with %s", async (alg) => {
    const pair = await createKeyPair("other", alg);
    issuer.keys = [first.jwk, pair.jwk];
    expect(await ask(authenticator(), await pair.sign(claims()))).toMatchObject({ id: "ada" });
  });

  test.each(["RS512", "ES384", "Ed25519"])("signed with %s is refused unless that is allowed", async (alg) => {
    const pair = await createKeyPair("other", alg);
    issuer.keys = [first.jwk, pair.jwk];
    const token = await pair.sign(claims());
    expect((await refusal(authenticator(), token))[0]).toBe("unauthenticated");
    expect(await ask(authenticator({ algorithms: [alg] }), token)).toMatchObject({ id: "ada" });
    expect((await refusal(authenticator({ algorithms: [alg] }), await first.sign(claims())))[0]).toBe(
      "unauthenticated",
    );
  });

  test("may be missing: that is somebody unknown, or refused where one is required", async () => {
    expect(await authenticator()(requestWith())).toBeUndefined();
    await expect(async () => authenticator({ required: true })(requestWith())).rejects.toMatchObject({
      code: "unauthenticated",
    });
    expect(issuer.asked).toBe(0);
  });

  test("may name several audiences, and the options several issuers and audiences", async () => {
    const authenticate = authenticator({ issuer: ["https://a", "https://id.example"], audience: ["x", "shop"] });
    expect(await ask(authenticate, await first.sign(claims({ aud: ["other", "shop"] })))).toMatchObject({ id: "ada" });
    expect(await refusal(authenticate, await first.sign(claims({ aud: ["other"] })))).toMatchObject([
      "unauthenticated",
      expect.stringContaining("aud"),
    ]);
  });

  test.each<readonly [string, (claims: JWTPayload) => JWTPayload, string]>([
    ["of another issuer", (claims) => ({ ...claims, iss: "https://id.example.evil" }), "iss"],
    ["of the same issuer but for a slash", (claims) => ({ ...claims, iss: "https://id.example/" }), "iss"],
    ["without an issuer", (claims) => without(claims, "iss"), "iss"],
    ["for another audience", (claims) => ({ ...claims, aud: "shop2" }), "aud"],
    ["without an audience", (claims) => without(claims, "aud"), "aud"],
    ["without an expiry", (claims) => without(claims, "exp"), "exp"],
    ["without a subject", (claims) => without(claims, "sub"), '"sub"'],
    ["with an empty subject", (claims) => ({ ...claims, sub: "" }), '"sub"'],
    ["with a subject that is no text", (claims) => ({ ...claims, sub: JSON.parse("7") }), '"sub"'],
    ["with a subject of many lines", (claims) => ({ ...claims, sub: "a\nb" }), '"sub"'],
    ["with a subject too long to store", (claims) => ({ ...claims, sub: "a".repeat(257) }), '"sub"'],
    ["whose subject says it is the system", (claims) => ({ ...claims, sub: "system" }), "reserved"],
    ["whose subject says it is nobody", (claims) => ({ ...claims, sub: "anonymous" }), "reserved"],
    ["whose subject says it is at the command line", (claims) => ({ ...claims, sub: "cli:root" }), "reserved"],
  ])("%s is refused: unauthenticated", async (_what, change, word) => {
    expect(await refusal(authenticator(), await first.sign(change(claims())))).toEqual([
      "unauthenticated",
      expect.stringContaining(word),
    ]);
  });

  test.each<readonly [string, unknown]>([
    ["missing", undefined],
    ["empty", ""],
    ["in capitals", "Acme"],
    ["a path", "acme/../other"],
    ["too long", "a".repeat(65)],
    ["a list", ["acme"]],
    ["null", null],
    ["an object", { acme: true }],
  ])("whose tenant is %s is refused, never of the default tenant", async (_what, org) => {
    const token = await first.sign(claims(org === undefined ? {} : { org }));
    expect(await refusal(authenticator({ tenantClaim: "org" }), token)).toEqual([
      "unauthenticated",
      `The token's claim "org" must name a tenant: 1 to 64 of a-z, 0-9 and hyphen.`,
    ]);
  });

  test("has no tenant by a name that every object has", async () => {
    const authenticate = authenticator({ tenantClaim: "constructor" });
    expect(await refusal(authenticate, await first.sign(claims()))).toMatchObject([
      "unauthenticated",
      expect.stringMatching(/tenant/),
    ]);
  });

  test("expires, and begins, at its time, give or take the tolerance", async () => {
    const authenticate = authenticator({ clockToleranceMs: 5_000 });
    const token = await first.sign(claims({ nbf: seconds(60), exp: seconds(120) }));
    const at: [number, string][] = [];
    for (const step of [0, 54, 1, 69, 1]) {
      await system.clock.advance(step * 1_000);
      at.push([seconds() - Math.floor(1_767_225_600), (await refusal(authenticate, token))[1]]);
    }
    expect(at).toEqual([
      [0, "The token is not valid yet (nbf)."],
      [54, "The token is not valid yet (nbf)."],
      [55, ""],
      [124, ""],
      [125, "The token has expired."],
    ]);
  });

  test("is of the type that is asked for", async () => {
    const authenticate = authenticator({ typ: "at+jwt" });
    expect((await refusal(authenticate, await first.sign(claims())))[1]).toContain("typ");
    expect((await refusal(authenticate, await first.sign(claims(), { typ: "JWT" })))[1]).toContain("typ");
    expect(await refusal(authenticate, await first.sign(claims(), { typ: "at+jwt" }))).toEqual(["", ""]);
  });

  test("longer than 16,384 characters is not looked at", async () => {
    const token = await first.sign(claims({ more: "x".repeat(16_384) }));
    expect(await refusal(authenticator(), token)).toMatchObject([
      "unauthenticated",
      expect.stringMatching(/not understood/),
    ]);
    expect(issuer.asked).toBe(0);
  });

  test.each(["Basic YWRhOnB3", "Bearer", "Bearer ", "Bearer a b", 'Bearer "x"', "bearer\u00a0x", "x", ""])(
    "in an Authorization header like %j is refused",
    async (header) => {
      await expect(async () => authenticator()(requestWith(header))).rejects.toMatchObject({ code: "unauthenticated" });
    },
  );
});

describe("a forged token is refused:", () => {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

  test.each(["none", "None", "NONE", ""])("with the algorithm %j", async (alg) => {
    const token = `${encode({ alg, kid: "first" })}.${encode(claims())}.`;
    expect(await refusal(authenticator(), token)).toMatchObject(["unauthenticated", "The token is not valid."]);
  });

  test("with HS256 and the public key as the secret, in every form of it", async () => {
    const rsa = await createKeyPair("rsa", "RS256");
    issuer.keys = [rsa.jwk];
    const publicKey = await importJWK(rsa.jwk, "RS256");
    if (publicKey instanceof Uint8Array) throw new Error("an RSA key is no bytes");
    const forms = [await exportSPKI(publicKey), JSON.stringify(rsa.jwk), String(rsa.jwk.n)];
    for (const secret of forms) {
      const text = `${encode({ alg: "HS256", kid: "rsa" })}.${encode(claims())}`;
      const token = `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
      expect(await refusal(authenticator(), token)).toMatchObject(["unauthenticated", "The token is not valid."]);
      // Not even where somebody would like to: such options cannot be given.
      expect(() => authenticator({ algorithms: ["RS256", "HS256"] })).toThrow(/HS256/);
    }
  });

  test("with the claims of another one", async () => {
    const [header, , signature] = (await first.sign(claims())).split(".");
    const token = `${header}.${encode(claims({ sub: "eve" }))}.${signature}`;
    expect(await refusal(authenticator(), token)).toMatchObject(["unauthenticated", "The token is not valid."]);
  });

  test("with a key of the same name that is not the issuer's", async () => {
    const impostor = await createKeyPair("first");
    expect(await refusal(authenticator(), await impostor.sign(claims()))).toMatchObject([
      "unauthenticated",
      /not valid/,
    ]);
  });

  test("with a key that it brings along, or says where to fetch", async () => {
    const own = await createKeyPair("own");
    for (const header of [{ jwk: own.jwk }, { jku: issuer.url, x5u: issuer.url }, { kid: undefined, jwk: own.jwk }]) {
      const [code] = await refusal(authenticator(), await own.sign(claims(), header));
      expect(code).toBe("unauthenticated");
    }
  });

  test("with an extension that it calls critical", async () => {
    const token = await first.sign(claims());
    const [, body, signature] = token.split(".");
    const header = encode({ alg: "ES256", kid: "first", crit: ["b64"], b64: false });
    expect((await refusal(authenticator(), `${header}.${body}.${signature}`))[0]).toBe("unauthenticated");
  });

  test.each(["", ".", "..", "a.b.c", "e30.e30.e30", "%00", `${"a".repeat(9_000)}.b.c`, "null.null.null"])(
    "of the text %.20j...",
    async (token) => {
      expect((await refusal(authenticator(), token))[0]).toBe("unauthenticated");
    },
  );
});

describe("the issuer's keys", () => {
  test("are fetched once for any number of tokens, also at once", async () => {
    const authenticate = authenticator();
    expect(issuer.asked).toBe(0);
    const token = await first.sign(claims());
    await Promise.all(Array.from({ length: 20 }, () => ask(authenticate, token)));
    await ask(authenticate, token);
    expect(issuer.asked).toBe(1);
  });

  test("are fetched again for one that is not known, at most every 30 s: rotation works, a flood does not pass", async () => {
    const authenticate = authenticator();
    await ask(authenticate, await first.sign(claims()));
    issuer.keys = [second.jwk];
    const rotated = await second.sign(claims());
    expect(await refusal(authenticate, rotated)).toMatchObject([
      "unauthenticated",
      expect.stringMatching(/does not publish/),
    ]);
    expect(issuer.asked).toBe(1);
    await system.clock.advance(30_000);
    expect(await ask(authenticate, rotated)).toMatchObject({ id: "ada" });
    expect(issuer.asked).toBe(2);
    // The old key is not published any more.
    expect(await refusal(authenticate, await first.sign(claims()))).toMatchObject([
      "unauthenticated",
      /does not publish/,
    ]);
    const invented = await createKeyPair("invented");
    for (let i = 0; i < 10; i++) await refusal(authenticate, await invented.sign(claims(), { kid: `invented-${i}` }));
    expect(issuer.asked).toBe(2);
  });

  test("are fetched anew after 10 minutes, while the old ones serve", async () => {
    const authenticate = authenticator();
    const token = await first.sign(claims({ exp: seconds(7_200) }));
    await ask(authenticate, token);
    await system.clock.advance(599_999);
    await ask(authenticate, token);
    expect(issuer.asked).toBe(1);
    issuer.keys = [second.jwk];
    await system.clock.advance(1);
    expect(await ask(authenticate, token)).toMatchObject({ id: "ada" });
    await expect
      .poll(() => refusal(authenticate, token))
      .toMatchObject(["unauthenticated", expect.stringMatching(/does not publish/)]);
    expect(issuer.asked).toBe(2);
  });

  test("serve for an hour while the issuer is down; then it is 503, and nobody is told that his token is bad", async () => {
    const authenticate = authenticator();
    const token = await first.sign(claims({ exp: seconds(9_000) }));
    await ask(authenticate, token);
    issuer.answer = (_incoming, outgoing) => void outgoing.writeHead(500).end();
    for (let minutes = 0; minutes < 59; minutes += 10) {
      await system.clock.advance(minutes === 0 ? 590_000 : 600_000);
      expect(await ask(authenticate, token)).toMatchObject({ id: "ada" });
    }
    await system.clock.advance(10_000);
    expect(await refusal(authenticate, token)).toMatchObject(["jwks-unavailable", expect.anything()]);
    issuer.answer = undefined;
    await system.clock.advance(1_000);
    expect(await ask(authenticate, token)).toMatchObject({ id: "ada" });
  });

  test("cannot be fetched: jwks-unavailable with a time to come back, and the issuer is asked once a second", async () => {
    const authenticate = authenticator();
    issuer.answer = (_incoming, outgoing) => void outgoing.destroy();
    const token = await first.sign(claims());
    for (let i = 0; i < 5; i++) {
      await expect(ask(authenticate, token)).rejects.toMatchObject({
        code: "jwks-unavailable",
        retry: "later",
        retryAfterMs: 1_000,
      });
    }
    expect(issuer.asked).toBe(1);
    issuer.answer = undefined;
    await system.clock.advance(1_000);
    expect(await ask(authenticate, token)).toMatchObject({ id: "ada" });
  });

  test("cannot be fetched when one is not known: nobody can tell, so it is not 401", async () => {
    const authenticate = authenticator();
    await ask(authenticate, await first.sign(claims()));
    await system.clock.advance(30_000);
    issuer.answer = (_incoming, outgoing) => void outgoing.destroy();
    expect((await refusal(authenticate, await second.sign(claims())))[0]).toBe("jwks-unavailable");
    expect(await ask(authenticate, await first.sign(claims()))).toMatchObject({ id: "ada" });
  });

  test.each<readonly [string, Exclude<Issuer["answer"], undefined>]>([
    ["404", (_incoming, outgoing) => void outgoing.writeHead(404).end("{}")],
    [
      "a redirect to them",
      ({ url }, outgoing) => {
        if (url === "/elsewhere") return void outgoing.end(JSON.stringify({ keys: issuer.keys }));
        outgoing.writeHead(302, { location: "/elsewhere" }).end();
      },
    ],
    ["no JSON", (_incoming, outgoing) => void outgoing.end("<html>")],
    ["no key set", (_incoming, outgoing) => void outgoing.end("[]")],
    ["an empty set", (_incoming, outgoing) => void outgoing.end('{"keys":[]}')],
    ["a set with a secret", (_incoming, outgoing) => void outgoing.end('{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}')],
    ["a set with a private key", (_incoming, outgoing) => void outgoing.end('{"keys":[{"kty":"OKP","d":"c2VjcmV0"}]}')],
    [
      "longer than 256 KiB",
      (_incoming, outgoing) => void outgoing.end(JSON.stringify({ keys: issuer.keys }).padEnd(256 * 1_024 + 1)),
    ],
    [
      "over 100 keys",
      (_incoming, outgoing) =>
        void outgoing.end(JSON.stringify({ keys: Array.from({ length: 101 }, () => first.jwk) })),
    ],
  ])("are not believed where the answer is %s", async (_what, answer) => {
    issuer.answer = answer;
    expect((await refusal(authenticator(), await first.sign(claims())))[0]).toBe("jwks-unavailable");
  });

  test("are waited for 5 s", async () => {
    const arrived = Promise.withResolvers<void>();
    issuer.answer = () => arrived.resolve();
    const answer = refusal(authenticator(), await first.sign(claims()));
    await arrived.promise;
    await system.clock.advance(5_000);
    expect((await answer)[0]).toBe("jwks-unavailable");
  });

  test("may be given instead; a token need not say which, if only one fits", async () => {
    const other = await createKeyPair("rsa", "RS256");
    const authenticate = authenticator({ keys: { keys: [{ ...first.jwk }, { ...other.jwk }] } });
    expect(await ask(authenticate, await first.sign(claims(), { kid: undefined }))).toMatchObject({ id: "ada" });
    expect((await refusal(authenticate, await second.sign(claims())))[1]).toMatch(/does not publish/);
    const two = authenticator({ keys: { keys: [{ ...first.jwk }, { ...second.jwk }] } });
    const [code, message] = await refusal(two, await first.sign(claims(), { kid: undefined }));
    expect([code, message]).toEqual(["unauthenticated", expect.stringContaining("(kid)")]);
    expect(issuer.asked).toBe(0);
  });
});

test("a secret checks what was signed with it, and nothing that was signed with a key", async () => {
  const secret = "x".repeat(32);
  const authenticate = authenticator({ secret });
  const sign = (key: string, alg = "HS256") =>
    new SignJWT(claims()).setProtectedHeader({ alg }).sign(new TextEncoder().encode(key));
  expect(await ask(authenticate, await sign(secret))).toMatchObject({ id: "ada" });
  expect((await refusal(authenticate, await sign("y".repeat(32))))[0]).toBe("unauthenticated");
  expect((await refusal(authenticate, await sign("x".repeat(64), "HS512")))[0]).toBe("unauthenticated");
  expect((await refusal(authenticate, await first.sign(claims())))[0]).toBe("unauthenticated");
});

test.each<readonly [string, object, RegExp]>([
  ["no source of keys", { jwks: undefined }, /exactly one/],
  ["two sources of keys", { jwks: "https://id.example/jwks", secret: "x".repeat(32) }, /exactly one/],
  ["keys by http from elsewhere", { jwks: "http://id.example/jwks" }, /https/],
  ["keys by http from what only looks like here", { jwks: "http://localhost.evil/jwks" }, /https/],
  ["keys from a file", { jwks: "file:///etc/passwd" }, /https/],
  ["no address", { jwks: "jwks" }, /address/],
  ["a short secret", { secret: "short" }, /32 bytes/],
  ["a secret among public keys", { keys: { keys: [{ kty: "oct" }] } }, /public keys/],
  ["a private key among public ones", { keys: { keys: [{ kty: "OKP", d: "c2VjcmV0" }] } }, /public keys/],
  ["an address with a password", { jwks: "https://ada:secret@id.example/jwks" }, /password/],
  ["the algorithm none", { algorithms: ["none"] }, /none/],
  ["no algorithm", { algorithms: [] }, /empty/],
  ["public keys with a secret's algorithm", { algorithms: ["HS256"] }, /HS256/],
  ["no issuer", { issuer: "" }, /issuer/],
  ["an empty list of audiences", { audience: [] }, /audience/],
  ["an empty tenant claim", { tenantClaim: "" }, /tenantClaim/],
  ["a tolerance in hours", { clockToleranceMs: 3_600_000 }, /300000/],
  ["a misspelt option", { audiance: "shop" }, /audiance/],
])("options with %s are refused", (_what, options, message) => {
  expect(() => authenticator(options)).toThrowError(
    expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(message) }),
  );
});
