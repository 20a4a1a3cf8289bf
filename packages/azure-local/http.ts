import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Invoke } from "./functions.ts";
import { decodedPath, encodedPath } from "./paths.ts";
import { compileRoute, type Params } from "./routes.ts";
import type { HttpCookie, HttpData, TypedData } from "./rpc.ts";
import type { HttpTrigger } from "./triggers.ts";

export interface HttpOptions {
  /** 0: any that is free. */
  readonly port: number;
  readonly routePrefix: string;
  /** Any of them opens a function whose authLevel is not `anonymous`. */
  readonly keys: readonly string[];
  readonly output: (text: string) => void;
}

export interface HttpFront {
  readonly url: string;
  /** Answers what was asked, then ends. */
  stop(): Promise<void>;
}

/** Largest request, bytes. Source: maxRequestBodySize of the Functions host. */
const bodyBytesMax = 104_857_600;

/** The function app's HTTP front on the loopback interface: routes, keys, and requests as the host hands them on. */
export async function startHttp(
  triggers: readonly HttpTrigger[],
  invoke: Invoke,
  { port, routePrefix, keys, output }: HttpOptions,
): Promise<HttpFront> {
  const routes = triggers
    .map((trigger) => ({ trigger, ...compileRoute(`${routePrefix}/${trigger.route}`) }))
    .toSorted((a, b) => (a.rank < b.rank ? -1 : 1));
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      output(`${request.method} ${request.url} failed: ${String(error)}\n`);
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });

  let isStopping = false;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "GET", url = "/" } = request;
    const { path: raw, query } = partsOf(url);
    const path = decodedPath(raw);
    if (path === undefined) return void response.writeHead(400).end();
    const found = routes
      .filter(({ trigger }) => trigger.methods.includes(method))
      .map((route) => ({ ...route, params: route.match(path) }))
      .find(({ params }) => params !== undefined);
    if (found?.params === undefined) return void response.writeHead(404).end();
    const { trigger, params } = found;
    const key = request.headers["x-functions-key"] ?? query.get("code");
    if (trigger.needsKey && !keys.some((one) => one === key)) return void response.writeHead(401).end();
    const body = await read(request);
    if (body === undefined) return void response.writeHead(413, { Connection: "close" }).end();

    const data = { http: requestOf(request, encodedPath(path), query, params, body) };
    const outcome = await invoke(trigger.name, { inputData: [{ name: trigger.binding, data }] });
    // Who is answered now need not keep its connection.
    if (isStopping) response.setHeader("Connection", "close");
    if (outcome.kind === "returned") return respond(response, method, outcome.value);
    if (outcome.kind === "threw") output(`${trigger.name} threw ${outcome.message}\n`);
    // The front end's answer where nobody behind it is left to answer.
    response.writeHead(outcome.kind === "lost" ? 502 : 500).end();
  }

  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  // It listens on a TCP port, so it has one.
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    async stop() {
      isStopping = true;
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await closed;
    },
  };
}

function partsOf(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = url.indexOf("?");
  return at < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

/** Undefined where it is too much. */
async function read(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * A request as the worker gets it: values of one name joined by commas; a body only where its length was announced.
 * Source: Azure/azure-functions-host, GrpcMessageConversionExtensions.ToRpcHttp
 */
function requestOf(
  { method = "GET", url = "/", headers, headersDistinct }: IncomingMessage,
  path: string,
  query: URLSearchParams,
  params: Params,
  body: Buffer,
): HttpData {
  const at = url.indexOf("?");
  const lists = (entries: Iterable<readonly [string, readonly string[]]>): HttpData["nullableQuery"] & object =>
    Object.fromEntries([...entries].map(([name, values]) => [name, { value: values.join(",") }]));
  const distinct = Object.entries(headersDistinct).map(([name, values = []]) => [name, values] as const);
  return {
    method,
    url: `http://${headers.host ?? "localhost"}${path}${at < 0 ? "" : url.slice(at)}`,
    nullableHeaders: lists(distinct),
    nullableQuery: lists([...new Set(query.keys())].map((name) => [name, query.getAll(name)])),
    nullableParams: lists(Object.entries(params).map(([name, value]) => [name, [value]])),
    ...(Number(headers["content-length"] ?? 0) > 0 && { body: { bytes: body } }),
  };
}

function respond(response: ServerResponse, method: string, value: TypedData | undefined): void {
  const http = value?.http;
  // A function that returns nothing has nothing to say.
  if (http === undefined) return void response.writeHead(204).end();
  const { statusCode = "200", headers = {}, cookies = [], body } = http;
  const isHead = method === "HEAD";
  response.statusCode = Number(statusCode);
  // How a body is sent is the server's affair.
  const left = new Set(["transfer-encoding", isHead ? "" : "content-length"]);
  for (const [name, text] of Object.entries(headers)) if (!left.has(name)) response.setHeader(name, text);
  if (cookies.length > 0) response.setHeader("set-cookie", cookies.map(cookieText));
  response.end(isHead ? undefined : (body?.bytes ?? body?.string ?? body?.json));
}

/** Source: ASP.NET Core, SetCookieHeaderValue; a path that is not said is `/`. */
function cookieText({ name, value, expires, maxAge, domain, path, secure, sameSite, httpOnly }: HttpCookie): string {
  const sites = { none: "", lax: "; samesite=lax", strict: "; samesite=strict", explicitNone: "; samesite=none" };
  return [
    `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    expires ? `; expires=${new Date(expires.value.seconds * 1_000).toUTCString()}` : "",
    maxAge ? `; max-age=${maxAge.value}` : "",
    domain ? `; domain=${domain.value}` : "",
    `; path=${path?.value ?? "/"}`,
    secure?.value ? "; secure" : "",
    sites[sameSite ?? "none"],
    httpOnly?.value ? "; httponly" : "",
  ].join("");
}
