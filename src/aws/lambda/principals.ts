import type { Principal } from "../../core/entity/types.ts";
import { principalOf, type PrincipalMap } from "../../http/principal-map.ts";
import type { HttpEvent, IamIdentity, JwtIdentity, LambdaIdentity } from "./http/event.ts";

/** Tells who sends a request, by what the platform has checked; `undefined`: nobody in particular. */
export type LambdaAuthenticate = (
  event: HttpEvent,
  request: Request,
) => Principal | undefined | Promise<Principal | undefined>;

type Source = { readonly [name: string]: unknown };

const alone = new WeakSet<LambdaAuthenticate>();

/** Whether it never looks at the Request, so that none is made for it. */
export function readsEventAlone(authenticate: LambdaAuthenticate): boolean {
  return alone.has(authenticate);
}

function byEvent(authenticate: (event: HttpEvent) => Principal | undefined): LambdaAuthenticate {
  alone.add(authenticate);
  return authenticate;
}

/**
 * Callers whose requests are signed (`AWS_IAM`, of a Function URL or an HTTP API). The id is the ARN of the user or
 * of the role's session; claims are `accountId`, `callerId`, `principalOrgId`, `userArn`, `userId`.
 */
export function iamPrincipal(map: PrincipalMap<IamIdentity> = {}): LambdaAuthenticate {
  return byEvent(({ requestContext }) => {
    const iam = requestContext.authorizer?.iam;
    if (!iam?.userArn && !iam?.userId) return undefined;
    const { accountId, callerId, principalOrgId, userArn, userId } = iam;
    // Without the id of the access key, which is nothing to keep.
    const source = said({ accountId, callerId, principalOrgId, userArn, userId });
    return principalOf("IAM", source, { id: "userArn", ...map });
  });
}

/**
 * Callers with a JSON Web Token that a JWT authorizer of an HTTP API has checked. The id is `sub`; claims are those of the
 * token, as text, and `scopes`, a list, where the route asks for any.
 */
export function jwtPrincipal(map: PrincipalMap<Source> = {}): LambdaAuthenticate {
  return byEvent(({ requestContext }) => {
    const jwt: JwtIdentity | null | undefined = requestContext.authorizer?.jwt;
    if (!jwt?.claims) return undefined;
    const source = said({ ...jwt.claims, ...(jwt.scopes && { scopes: jwt.scopes }) });
    return principalOf("token", source, { id: "sub", ...map });
  });
}

/** Callers that your Lambda authorizer has let in: `id` says where in its `context` the id is. */
export function lambdaPrincipal(
  map: PrincipalMap<LambdaIdentity> & Pick<Required<PrincipalMap<LambdaIdentity>>, "id">,
): LambdaAuthenticate {
  return byEvent(({ requestContext }) => {
    const context = requestContext.authorizer?.lambda;
    return context ? principalOf("authorizer", said(context), map) : undefined;
  });
}

/** What is there: API Gateway says nothing as null, or as an empty text. */
function said(source: Source): Source {
  return Object.fromEntries(Object.entries(source).filter(([, value]) => value != null && value !== ""));
}
