import { HoldfastError } from "../../../core/errors.ts";

/** What an authorizer of API Gateway, or a Function URL with `AWS_IAM`, says of the caller. */
export interface Authorizer {
  readonly iam?: IamIdentity | null;
  readonly jwt?: JwtIdentity | null;
  readonly lambda?: LambdaIdentity | null;
}

/** Source: docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html, requestContext.authorizer.iam. */
export interface IamIdentity {
  readonly accountId?: string | null;
  readonly callerId?: string | null;
  readonly principalOrgId?: string | null;
  readonly userArn?: string | null;
  readonly userId?: string | null;
}

/** API Gateway hands all claims over as text, lists as `[a b]`. */
export interface JwtIdentity {
  readonly claims?: { readonly [name: string]: unknown } | null;
  readonly scopes?: readonly string[] | null;
}

/** What your Lambda authorizer has put into its `context`. */
export type LambdaIdentity = { readonly [name: string]: unknown };

/**
 * A request in payload format 2.0, as HTTP APIs and Function URLs send it: what is read of it.
 * Source: docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
 */
export interface HttpEvent {
  readonly version: string;
  readonly routeKey?: string;
  /** As it was sent (Function URL), or decoded (HTTP API). */
  readonly rawPath: string;
  /** As it was sent. */
  readonly rawQueryString: string;
  readonly cookies?: readonly string[] | null;
  /** Names in lower case; a header that came twice is joined by commas. */
  readonly headers: { readonly [name: string]: string | undefined };
  readonly pathParameters?: { readonly [name: string]: string | undefined } | null;
  readonly body?: string | null;
  readonly isBase64Encoded: boolean;
  readonly requestContext: {
    readonly domainName: string;
    readonly stage: string;
    readonly requestId?: string;
    readonly http: { readonly method: string; readonly path?: string };
    readonly authorizer?: Authorizer | null;
  };
}

/** The answer in the same format. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: { readonly [name: string]: string };
  readonly cookies?: string[];
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** @throws HoldfastError `malformed-event` that says what was expected */
export function checkHttpEvent(event: unknown): asserts event is HttpEvent {
  const { version, rawPath, headers, requestContext } = (event ?? {}) as Partial<HttpEvent>;
  const isWhole = typeof rawPath === "string" && typeof headers === "object" && headers !== null;
  if (version === "2.0" && isWhole && typeof requestContext?.http?.method === "string") return;
  throw new HoldfastError(
    "malformed-event",
    `The http handler takes payload format 2.0 of an HTTP API or a Function URL, not ${shapeOf(event)}.`,
  );
}

/** What came instead, in few words: never its values, but for the version. */
export function shapeOf(event: unknown): string {
  if (typeof event !== "object" || event === null) return `what is ${event === null ? "null" : typeof event}`;
  const version =
    "version" in event && typeof event.version === "string" ? `version "${event.version.slice(0, 8)}", ` : "";
  return `an event of ${version}fields ${Object.keys(event).slice(0, 20).join(", ") || "none"}`;
}
