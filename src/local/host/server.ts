import { once } from "node:events";
import { createServer, STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { System } from "../../core/runtime/system.ts";
import { problem } from "../../http/answer.ts";
import { securityHeaders } from "../../http/security-headers.ts";
import type { ServerLimits } from "../options.ts";
import type { Listener } from "./listener.ts";

/** A node:http server that knows what it is busy with. */
export interface TrackedServer {
  /** Resolves with the port. Rejects with Node's error, e.g. `EADDRINUSE`. */
  listen(port: number, host: string): Promise<number>;
  /** Stops accepting, closes each connection after the answer that it waits for; resolves when none is left. */
  drain(): Promise<void>;
  /** Cuts what is left and tells how many requests that were. */
  cut(): number;
}

/** Node's own list of idle connections lacks those that have not sent anything yet. */
interface Connection {
  /** Under way, waiting pipelined ones included. */
  requests: number;
  newest: Promise<void> | undefined;
  /** The newest request, until its answer is on its way: an idle connection holds nothing. */
  last: Exchange | undefined;
  /** What came was no request, and nothing after it can be one. */
  broken: boolean;
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** The answer to the request before it. */
  readonly before: ServerResponse | undefined;
}

export function createTrackedServer(limits: ServerLimits, listener: Listener, system: System): TrackedServer {
  const server = createServer({
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.receiveTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
    maxHeaderSize: limits.headerBytesMax,
    requireHostHeader: false,
  });
  server.maxConnections = limits.connectionsMax;
  server.timeout = limits.socketTimeoutMs;
  const connections = new Map<Socket, Connection>();
  let draining = false;

  function closeIfIdle(socket: Socket): void {
    if (connections.get(socket)?.requests === 0) socket.destroySoon();
  }

  server.on("connection", (socket) => {
    connections.set(socket, { requests: 0, newest: undefined, last: undefined, broken: false });
    socket.once("close", () => connections.delete(socket));
  });
  async function onRequest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { socket } = incoming;
    const connection = connections.get(socket);
    if (connection === undefined) return;
    if (connection.requests >= limits.pipelinedMax) return void socket.destroy();
    if (draining) outgoing.shouldKeepAlive = false;
    // Pipelined requests run one after the other: a later one must not overtake a command.
    // Source: RFC 9112, section 9.3.2.
    const before = connection.requests++ > 0 ? connection.newest : undefined;
    connection.newest = before
      ? before.then(() => listener.listen(incoming, outgoing))
      : listener.listen(incoming, outgoing);
    const { newest } = connection;
    const last = { incoming, outgoing, before: connection.last?.outgoing };
    connection.last = last;
    outgoing.once("close", () => {
      if (connection.last === last) connection.last = undefined;
    });
    await newest;
    connection.requests--;
    // Not before a pipelined answer that waited for this one is on its way.
    if (draining) system.soon(() => closeIfIdle(socket));
  }
  // Node would answer the last two itself: with 100 before anybody has looked at the request, and 417 without a body.
  for (const event of ["request", "checkContinue", "checkExpectation"]) server.on(event, onRequest);
  server.on("clientError", ({ code }: Error & { readonly code?: string }, socket) => {
    // Its type is wider than what a server's sockets are.
    const connection = connections.get(socket as Socket);
    // Node says so again for whatever follows, and its error holds what came: kept, that would be without bound.
    if (connection === undefined || connection.broken) return;
    connection.broken = true;
    socket.pause();
    const answer = (): void => refuse(code, socket, system.newId());
    // Not before the requests ahead of it are answered: what they have stored must not look refused.
    void Promise.resolve(connection.last && ahead(connection.last)).then(answer, answer);
  });
  server.on("drop", () =>
    system.log.debug({ connectionsMax: limits.connectionsMax }, "too many connections: one was closed"),
  );

  return {
    listen: (port, host) => listen(server, port, host),
    drain() {
      draining = true;
      const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
      for (const socket of connections.keys()) closeIfIdle(socket);
      return closed;
    },
    cut() {
      const requests = [...connections.values()].reduce((sum, { requests }) => sum + requests, 0);
      server.closeAllConnections();
      return requests;
    },
  };
}

/** Connections that wait to be accepted; the system may allow fewer. Node's 511 make a burst wait for seconds. */
const backlog = 4_096;

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host, backlog }, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

const refusals: { readonly [code: string]: readonly [status: number, code: string, detail: string] } = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "request-timeout", "The request did not arrive in time."],
  HPE_HEADER_OVERFLOW: [431, "headers-too-large", "The request line and headers are too long."],
};

/** Resolves when the answers to all that has arrived whole are on their way, or their connection is gone. */
function ahead({ incoming, outgoing, before }: Exchange): Promise<unknown> | undefined {
  const answer = incoming.complete ? outgoing : before;
  return answer === undefined || answer.closed ? undefined : once(answer, "close");
}

/** What the parser cannot read, or waits for too long: answered as well as it can be, then closed. */
function refuse(error: string | undefined, socket: Duplex, correlation: string): void {
  if (error === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const [status, code, detail] = refusals[error ?? ""] ?? [400, "malformed-request", "The request is not valid HTTP."];
  const { headers, body } = problem({ status, code, detail }, correlation);
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, "Connection: close", `X-Correlation-Id: ${correlation}`];
  for (const [name, value] of Object.entries({ ...headers, ...securityHeaders })) lines.push(`${name}: ${value}`);
  lines.push(`Content-Length: ${Buffer.byteLength(String(body))}`, "", String(body));
  socket.end(lines.join("\r\n"), () => socket.destroy());
}
