import type { Principal } from "holdfast";
import {
  iamPrincipal,
  jwtPrincipal,
  lambdaPrincipal,
  type Authorizer,
  type LambdaAuthenticate,
} from "holdfast/aws/lambda";
import { expect, test } from "vitest";
import { urlEvent } from "./fixtures.ts";

async function principalFor(
  authenticate: LambdaAuthenticate,
  authorizer?: Authorizer | null,
): Promise<Principal | undefined> {
  const event = urlEvent({ method: "GET", target: "/" });
  const requestContext = { ...event.requestContext, ...(authorizer !== undefined && { authorizer }) };
  return authenticate({ ...event, requestContext }, new Request("https://holdfast.test"));
}

const iam = {
  accessKey: "AKIAIOSFODNN7EXAMPLE",
  accountId: "111122223333",
  callerId: "AIDACKCEVSQ6C2EXAMPLE",
  cognitoIdentity: null,
  principalOrgId: "aws:PrincipalOrgID",
  userArn: "arn:aws:iam::111122223333:user/example-user",
  userId: "AIDACOSFODNN7EXAMPLE2",
};
const jwt = {
  claims: { sub: "u-1", iss: "https://issuer.test", "custom:tenant": "acme", groups: "[a b]" },
  scopes: ["shop/write"],
};

test("a signed request is its user's, without the access key", async () => {
  const principal = await principalFor(iamPrincipal(), { iam });
  expect(principal).toMatchObject({
    kind: "user",
    id: iam.userArn,
    tenant: "default",
    claims: { accountId: "111122223333" },
  });
  expect(JSON.stringify(principal)).not.toContain("AKIA");
});

test("a token's subject is the id; claims and scopes are what authorize may look at", async () => {
  const principal = await principalFor(jwtPrincipal({ tenant: "custom:tenant" }), { jwt });
  expect(principal).toEqual({
    kind: "user",
    id: "u-1",
    tenant: "acme",
    claims: { ...jwt.claims, scopes: ["shop/write"] },
  });
});

test("what a Lambda authorizer has put into its context becomes the principal, mapped by names or functions", async () => {
  const mapped = lambdaPrincipal({
    id: "user",
    tenant: (context) => (context["org"] === 7 ? "seven" : undefined),
    claims: ({ role }) => ({ role }),
  });
  const context = { user: "ann", org: 7, role: "admin", secret: "x" };
  expect(await principalFor(mapped, { lambda: context })).toEqual({
    kind: "user",
    id: "ann",
    tenant: "seven",
    claims: { role: "admin" },
  });
});

test.each<[string, LambdaAuthenticate, Authorizer, string]>([
  ["a token without a subject", jwtPrincipal(), { jwt: { claims: { iss: "x" } } }, "sub"],
  ["a token without the tenant's claim", jwtPrincipal({ tenant: "org" }), { jwt }, "org"],
  ["a token whose tenant is empty", jwtPrincipal({ tenant: "org" }), { jwt: { claims: { sub: "a", org: "" } } }, "org"],
  [
    "a tenant that is no text",
    lambdaPrincipal({ id: "user", tenant: "org" }),
    { lambda: { user: "a", org: 7 } },
    "org",
  ],
  ["a context without the id", lambdaPrincipal({ id: "user" }), { lambda: {} }, "user"],
  ["a session without an ARN", iamPrincipal(), { iam: { ...iam, userArn: "" } }, "userArn"],
])("%s is refused, not taken for somebody else", async (_what, authenticate, authorizer, named) => {
  await expect(async () => principalFor(authenticate, authorizer)).rejects.toMatchObject({
    code: "unauthenticated",
    message: expect.stringContaining(named),
  });
});

test.each<[string, LambdaAuthenticate]>([
  ["iamPrincipal", iamPrincipal()],
  ["jwtPrincipal", jwtPrincipal()],
  ["lambdaPrincipal", lambdaPrincipal({ id: "user" })],
])(
  "%s knows nobody where nothing was checked, also where that is said in empty fields",
  async (_name, authenticate) => {
    const empty = {
      iam: { accountId: "", userArn: "", userId: "" },
      jwt: { claims: null, scopes: null },
      lambda: null,
    };
    for (const authorizer of [undefined, null, {}, empty]) {
      expect(await principalFor(authenticate, authorizer)).toBeUndefined();
    }
  },
);
