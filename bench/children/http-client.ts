import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import type { Done } from "../harness.ts";
import { cartOf, itemOf, opaqueKey } from "../workload.ts";
import { answerParent } from "./answer.ts";

export interface LoadQuestion {
  readonly port: number;
  readonly connections: number;
  /** The number of the first command. */
  readonly from: number;
  /** For how long. */
  readonly ms: number;
}

export interface LoadAnswer extends Done {
  /** Share of one core that this client used meanwhile. */
  readonly load: number;
}

/** Bare sockets, one request under way on each: the client is to cost as little as it can. */
async function load({ port, connections, from, ms }: LoadQuestion): Promise<LoadAnswer> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const cpu = process.cpuUsage();
  let count = 0;
  const start = performance.now();
  const next = (): Buffer | undefined =>
    performance.now() - start < ms ? requestOf(from + count++, opaqueKey()) : undefined;
  await Promise.all(sockets.map((socket) => drive(socket, next)));
  const took = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  for (const socket of sockets) socket.destroy();
  return { count, ms: took, load: (user + system) / 1_000 / took };
}

function requestOf(index: number, key: string): Buffer {
  const body = JSON.stringify(itemOf(index));
  return Buffer.from(
    `POST /api/cart/${cartOf(index)}/addItem HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
      `idempotency-key: ${key}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("error", reject);
    socket.once("connect", () => resolve(socket));
  });
}

/** Sends one request after the other until there are no more. Every answer has to be a 204 without a body. */
function drive(socket: Socket, next: () => Buffer | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = "";
    const send = (): void => {
      const request = next();
      if (request === undefined) resolve();
      else socket.write(request);
    };
    socket.setEncoding("latin1");
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("The server has closed the connection.")));
    socket.on("data", (chunk: string) => {
      received += chunk;
      if (!received.endsWith("\r\n\r\n")) return;
      if (!received.startsWith("HTTP/1.1 204 ")) reject(new Error(`Not the expected answer: ${received}`));
      received = "";
      send();
    });
    send();
  });
}

answerParent(load);
