import type { DeadLetterStore, Journal, Logger } from "holdfast";
import { createHttp, createOpenApi, type Http, type HttpOptions } from "holdfast/http";
import { authenticateJwt } from "holdfast/jwt";
import { createTestApp, type TestApp } from "holdfast/testing";
import { app } from "./app.ts";
import { createKeyPair, type KeyPair } from "./issuer.ts";

/** A way into the app over HTTP, as its OpenAPI document has it. */
export interface Route {
  /** `POST` or `GET`; HEAD and event streams are variants of it. */
  readonly method: string;
  /** `/api/note/{id}/write` */
  readonly path: string;
  /** `note.write`, `note.view`, `note.events`, or `readyz` */
  readonly operation: string;
}

/** Every way in: what is added to the app is tried without further ado. */
export const routes: readonly Route[] = Object.entries(createOpenApi(app).paths).flatMap(([path, operations]) =>
  Object.entries(operations as Record<string, { readonly operationId: string }>).map(([method, { operationId }]) => ({
    method: method.toUpperCase(),
    path,
    operation: operationId,
  })),
);

export interface SendOptions {
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
  readonly json?: unknown;
  readonly body?: string;
  /** The request target as it was sent. */
  readonly target?: string;
}

export interface Secured {
  readonly http: Http;
  readonly run: TestApp<Journal & DeadLetterStore>;
  readonly log: string[];
  /** A token of that user, for an hour. */
  token(user: string, tenant?: string): Promise<string>;
  send(method: string, path: string, options?: SendOptions): Promise<Response>;
  /** All that is stored of a tenant, as text. */
  stored(tenant: string): Promise<string>;
}

let pair: KeyPair | undefined;

/** The app behind real tokens; the tenant is what they say. */
export async function createSecured(options: HttpOptions = {}): Promise<Secured> {
  pair ??= await createKeyPair("k1");
  const { jwk, sign } = pair;
  const log: string[] = [];
  const write = (fields: object, message: string): void => {
    const error = "error" in fields && fields.error instanceof Error ? [fields.error.stack, fields.error.cause] : [];
    log.push(`${message} ${JSON.stringify(fields)} ${error.map(String).join(" ")}`);
  };
  const logger: Logger = { debug: write, info: write, warn: write, error: write };
  const run = createTestApp(app, { log: logger });
  const about = { issuer: "https://id.example", audience: "notes" };
  const authenticate = authenticateJwt({
    ...about,
    keys: { keys: [{ ...jwk }] },
    tenantClaim: "tenant",
    system: run.system,
  });
  const http = createHttp(run, { authenticate, live: true, ...options });
  return {
    http,
    run,
    log,
    token: (sub, tenant = "acme") =>
      sign({ iss: about.issuer, aud: about.audience, sub, tenant, exp: run.system.now() / 1_000 + 3_600 }),
    send(method, path, { token, headers = {}, json, body, target } = {}) {
      const init: RequestInit & { headers: Record<string, string> } = {
        method,
        headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      };
      if (json !== undefined) init.headers["content-type"] ??= "application/json";
      const sent = json === undefined ? body : JSON.stringify(json);
      if (sent !== undefined) init.body = sent;
      return http.fetch(new Request(`http://notes.test${path}`, init), target === undefined ? {} : { target });
    },
    stored: (tenant) => storedOf(run.journal, tenant),
  };
}

async function storedOf(journal: Journal, tenant: string): Promise<string> {
  const found: unknown[] = [];
  for (const entity of app.entities.keys()) {
    for (const id of await journal.streams({ tenant, entity, limit: 1_000 })) {
      found.push(entity, id, await journal.history({ tenant, entity, id }, { after: 0, limit: 1_000 }));
    }
  }
  return JSON.stringify(found);
}

/** What an answer tells, but for the id of the request: to compare what two callers learn. */
export async function told(response: Response): Promise<unknown> {
  const { "x-correlation-id": _, ...headers } = Object.fromEntries(response.headers);
  const isStream = headers["content-type"]?.startsWith("text/event-stream");
  const text = isStream ? "" : (await response.text()).replace(/"instance":"[^"]*"/, "");
  if (isStream) await response.body?.cancel();
  return { status: response.status, headers, text };
}
