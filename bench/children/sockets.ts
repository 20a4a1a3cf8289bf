import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";

/** What the client has to know of an answer. */
export interface Received {
  /** 0: none came, in time or at all. */
  readonly status: number;
  /** It has a Retry-After of whole seconds, from 1. */
  readonly retryAfter: boolean;
}

/** Kept-alive connections, one request under way on each. */
export interface Sockets {
  /** At once, or when a connection is free; `until`: of `performance.now()`. */
  send(request: string, until: number, received: (answer: Received) => void): void;
  /** Gives up what is past its time. */
  expire(): void;
  /** Connections that had a request under way at once. */
  most(): number;
  close(): void;
}

interface Sent {
  readonly request: string;
  readonly until: number;
  readonly received: (answer: Received) => void;
}

interface Connection {
  readonly socket: Socket;
  text: string;
  sent: Sent | undefined;
}

const none: Received = { status: 0, retryAfter: false };

/** Few at a time: what is measured is a rush of commands, not of connections. */
const openedAtOnce = 256;

/** Opens so many; one that the server closes is replaced when it is needed. */
export async function openSockets(port: number, connections: number): Promise<Sockets> {
  const open = new Set<Connection>();
  // The one used last is used next: few stay busy when few are needed.
  const idle: Connection[] = [];
  /** In the order of sending, which is that of their ends. */
  const waiting = new Map<Sent, Connection>();
  const queued = new Set<Sent>();
  let most = 0;

  function settle(connection: Connection, answer: Received): void {
    const { sent } = connection;
    connection.sent = undefined;
    connection.text = "";
    if (sent === undefined) return;
    waiting.delete(sent);
    sent.received(answer);
  }

  function create(): Connection {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    const connection: Connection = { socket, text: "", sent: undefined };
    open.add(connection);
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      // The server gives up on a connection that was never used (408); it is no place for a request.
      if (connection.sent === undefined) {
        const place = idle.indexOf(connection);
        if (place >= 0) idle.splice(place, 1);
        return void socket.destroy();
      }
      connection.text += chunk;
      const answer = parse(connection.text);
      if (answer === undefined) return;
      settle(connection, answer);
      const [next] = queued;
      if (next) write(connection, next);
      else idle.push(connection);
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      open.delete(connection);
      const place = idle.indexOf(connection);
      if (place >= 0) idle.splice(place, 1);
      settle(connection, none);
    });
    return connection;
  }

  function write(connection: Connection, sent: Sent): void {
    queued.delete(sent);
    connection.sent = sent;
    waiting.set(sent, connection);
    most = Math.max(most, waiting.size);
    connection.socket.write(sent.request);
  }

  while (open.size < connections) {
    const some = Array.from({ length: Math.min(openedAtOnce, connections - open.size) }, create);
    await Promise.all(some.map(({ socket }) => once(socket, "connect")));
    idle.push(...some);
  }
  return {
    send(request, until, received) {
      const sent = { request, until, received };
      const connection = idle.pop() ?? (open.size < connections ? create() : undefined);
      if (connection) write(connection, sent);
      else queued.add(sent);
    },
    expire() {
      const now = performance.now();
      for (const [{ until }, connection] of waiting) {
        if (until > now) break;
        settle(connection, none);
        connection.socket.destroy();
      }
      for (const sent of queued) {
        if (sent.until > now) break;
        queued.delete(sent);
        sent.received(none);
      }
    },
    most: () => most,
    close() {
      for (const { socket } of open) socket.destroy();
    },
  };
}

/** The answer, once all of it is there. */
function parse(text: string): Received | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end + 2);
  const bytes = Number(/\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1] ?? 0);
  if (text.length < end + 4 + bytes) return undefined;
  return { status: Number(head.slice(9, 12)), retryAfter: /\r\nretry-after: [1-9]\d*\r\n/i.test(head) };
}
