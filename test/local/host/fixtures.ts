import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "holdfast";
import { serve, type LocalHost, type LocalOptions } from "holdfast/local";
import { afterEach } from "vitest";
import { app, type Services } from "./app.ts";

export interface Line {
  readonly level: keyof Logger;
  readonly fields: { readonly [name: string]: unknown };
  readonly message: string;
}

export interface Started {
  readonly host: LocalHost;
  readonly data: string;
  readonly log: Line[];
  /** Lines of warnings and errors. */
  complaints(): readonly Line[];
}

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

export function onCleanup(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-host-"));
  // For a child that runs as somebody else.
  chmodSync(folder, 0o777);
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A host on a free port with a folder of its own; closed after the test. */
export async function start(options: LocalOptions<Services> = {}): Promise<Started> {
  const log: Line[] = [];
  const write =
    (level: keyof Logger) =>
    (fields: object, message: string): void =>
      void log.push({ level, fields: { ...fields }, message });
  const data = options.data ?? temporaryFolder();
  const host = await serve(app, {
    port: 0,
    data,
    signals: false,
    synchronous: "normal",
    logger: { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") },
    services: { slow: async () => {} },
    ...options,
    server: { closeTimeoutMs: 2_000, ...options.server },
  });
  onCleanup(() => host.close());
  return { host, data, log, complaints: () => log.filter(({ level }) => level === "warn" || level === "error") };
}

export function add(host: LocalHost, id: string, value = 1, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${host.url}/api/counter/${id}/add`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ value }),
  });
}

export async function total(host: LocalHost, id: string): Promise<number> {
  const response = await fetch(`${host.url}/api/counter/${id}`);
  return ((await response.json()) as { total: number }).total;
}

export interface RawConnection {
  readonly socket: Socket;
  write(text: string | Uint8Array): void;
  /** Waits until the received text matches so many times. */
  until(pattern: RegExp, times?: number): Promise<string>;
  /** Waits for the end of the connection; all that was received. */
  end(): Promise<string>;
  readonly received: string;
}

/** A TCP connection on which a test says exactly what it wants. */
export async function raw(host: LocalHost): Promise<RawConnection> {
  const socket = connect({ port: host.port, host: "127.0.0.1", allowHalfOpen: true });
  onCleanup(() => socket.destroy());
  let received = "";
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    received += text;
    wake();
  });
  const over = new Promise<void>((resolve) => {
    socket.once("end", resolve);
    socket.once("close", () => resolve());
    socket.on("error", () => resolve());
  });
  await once(socket, "connect");
  return {
    socket,
    get received() {
      return received;
    },
    write: (text) => void socket.write(text),
    until: (pattern, times = 1) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (received.split(pattern).length <= times) return;
          waiting.delete(look);
          resolve(received);
        };
        waiting.add(look);
        void over.then(() => reject(new Error(`the connection ended before ${pattern}: ${received}`)));
        look();
      }),
    async end() {
      await over;
      return received;
    },
  };
}

/** The parts of one raw answer. */
export function parse(text: string): { readonly status: number; readonly head: string; readonly body: string } {
  const end = text.indexOf("\r\n\r\n");
  return { status: Number(text.slice(9, 12)), head: text.slice(0, end), body: text.slice(end + 4) };
}

export function post(path: string, json: unknown, extra = ""): string {
  const body = JSON.stringify(json);
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${extra}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
