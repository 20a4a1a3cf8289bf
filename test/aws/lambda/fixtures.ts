import type { Context } from "aws-lambda";
import type { App, Journal, Logger, System } from "holdfast";
import {
  createContainer,
  type Container,
  type Delay,
  type HttpAnswer,
  type HttpEvent,
  type Queue,
} from "holdfast/aws/lambda";
import {
  createMemoryBroker,
  createMemoryFailures,
  createMemoryJournal,
  createMemoryPlaces,
  type MemoryBroker,
} from "holdfast/memory";
import { createVirtualSystem, type VirtualSystem } from "holdfast/testing";
import type { Bus } from "../../../src/core/broker/bus.ts";
import type { FailureStore } from "../../../src/core/broker/failures.ts";

export interface Line {
  readonly level: keyof Logger;
  readonly fields: { readonly [name: string]: unknown };
  readonly message: string;
}

/** A logger that remembers its lines. */
export function recordingLogger(): Logger & { readonly lines: readonly Line[] } {
  const lines: Line[] = [];
  const write =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      void lines.push({ level, fields: { ...fields }, message });
  return { lines, debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

let invocations = 0;

/** What Lambda hands to an invocation that it ends after `timeoutMs`, by that clock. */
export function lambdaContext(system: Pick<System, "now">, timeoutMs = 60_000): Context {
  const end = system.now() + timeoutMs;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: "shop-http",
    functionVersion: "$LATEST",
    invokedFunctionArn: "arn:aws:lambda:eu-central-1:123456789012:function:shop-http",
    memoryLimitInMB: "512",
    awsRequestId: `request-${++invocations}`,
    logGroupName: "/aws/lambda/shop-http",
    logStreamName: "2026/07/10/[$LATEST]0",
    getRemainingTimeInMillis: () => end - system.now(),
    done: () => {},
    fail: () => {},
    succeed: () => {},
  };
}

/** What queues were told, and how they answer. */
export interface Told {
  readonly queue: Queue;
  readonly delays: readonly Delay[];
}

export interface World {
  readonly container: Container;
  readonly system: VirtualSystem;
  readonly journal: ReturnType<typeof createMemoryJournal>;
  readonly broker: MemoryBroker;
  readonly failures: FailureStore;
  readonly log: ReturnType<typeof recordingLogger>;
  readonly told: Told[];
}

export interface WorldOptions {
  readonly services?: unknown;
  readonly consumer?: string;
  /** Stands between the app and its ports. */
  readonly journal?: (inner: Journal) => Journal;
  readonly bus?: (inner: Bus) => Bus;
  readonly failures?: (inner: FailureStore) => FailureStore;
  readonly changeVisibility?: (told: Told) => Promise<readonly string[]>;
  readonly world?: Pick<World, "journal" | "broker" | "failures" | "system">;
}

/** A container on memory; with `world` another one beside it, as Lambda starts them. */
export function createWorld(app: App, options: WorldOptions = {}): World {
  const log = recordingLogger();
  const system = options.world ? { ...options.world.system, log } : createVirtualSystem({ log });
  const journal = options.world?.journal ?? createMemoryJournal();
  const broker = options.world?.broker ?? createMemoryBroker(system.now);
  const failures = options.world?.failures ?? createMemoryFailures();
  broker.subscribe(app);
  const told: Told[] = [];
  const container = createContainer(app, {
    system,
    queuePrefix: "shop-",
    consumer: options.consumer,
    open: async () => ({ journal: options.journal?.(journal) ?? journal, services: options.services }),
    openMessaging: async () => ({
      bus: options.bus?.(broker) ?? broker,
      failures: options.failures?.(failures) ?? failures,
      places: createMemoryPlaces(),
      changeVisibility: async (queue, delays) => {
        told.push({ queue, delays });
        return (await options.changeVisibility?.({ queue, delays })) ?? [];
      },
    }),
  });
  return { container, system, journal, broker, failures, log, told };
}

export interface Sent {
  readonly method: string;
  /** Percent-encoded path, and a query. */
  readonly target: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array | string;
  readonly cookies?: readonly string[];
}

const common = {
  version: "2.0",
  routeKey: "$default",
  pathParameters: null,
  isBase64Encoded: false,
} as const;

/** How a body arrives: text as it is, bytes that are none in base64. */
function bodyOf(body: Uint8Array | string | undefined): Pick<HttpEvent, "body" | "isBase64Encoded"> {
  if (body === undefined || body.length === 0) return { isBase64Encoded: false };
  if (typeof body === "string") return { body, isBase64Encoded: false };
  return { body: Buffer.from(body).toString("base64"), isBase64Encoded: true };
}

function parts(target: string): readonly [path: string, query: string] {
  const at = target.indexOf("?");
  return at === -1 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
}

/** As a Function URL hands a request over: the path as it was sent; cookies twice. Shape: captured in July 2026 (voker). */
export function urlEvent({ method, target, headers = {}, body, cookies }: Sent): HttpEvent {
  const [rawPath, rawQueryString] = parts(target);
  const domainName = "2cxn22odiwguak4feg4jtt7cwm0ziblr.lambda-url.us-west-2.on.aws";
  return {
    ...common,
    rawPath,
    rawQueryString,
    ...(cookies && { cookies }),
    headers: { host: domainName, ...headers, ...(cookies && { cookie: cookies.join("; ") }) },
    requestContext: {
      domainName,
      stage: "$default",
      requestId: "d16a6b55-dea9-4b23-8499-eb85c3d2d904",
      // Decoded there; read by nobody here.
      http: { method, path: "/" },
    },
    ...bodyOf(body),
  };
}

/** What HTTP APIs make of a path: undefined where they refuse it themselves. Source: voker's captures of July 2026. */
export function decodedByApiGateway(path: string): string | undefined {
  try {
    const [once = ""] = decodeURIComponent(path).split("?");
    return decodeURIComponent(once);
  } catch {
    return undefined;
  }
}

/** As an HTTP API hands a request over: the path decoded and cut; cookies once. */
export function apiEvent({ method, target, headers = {}, body, cookies }: Sent): HttpEvent {
  const [path, rawQueryString] = parts(target);
  const rawPath = decodedByApiGateway(path);
  if (rawPath === undefined) throw new Error(`API Gateway answers 400 to ${path} by itself.`);
  const domainName = "sjzepsqsu5.execute-api.us-west-2.amazonaws.com";
  return {
    ...common,
    rawPath,
    rawQueryString,
    ...(cookies && { cookies }),
    headers: { host: domainName, ...headers },
    requestContext: { domainName, stage: "$default", requestId: "ATfSmjLgPHcESJw=", http: { method, path: rawPath } },
    ...bodyOf(body),
  };
}

/** What a client gets of an answer. */
export function responseOf({ statusCode, headers, body, cookies = [], isBase64Encoded }: HttpAnswer): Response {
  const bytes = Buffer.from(body, isBase64Encoded ? "base64" : "utf8");
  const isEmpty = statusCode === 204 || statusCode === 304;
  const response = new Response(isEmpty ? null : bytes, { status: statusCode, headers });
  for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
}
