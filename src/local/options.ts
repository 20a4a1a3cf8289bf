import type { Limits } from "../core/runtime/limits.ts";
import type { Logger } from "../core/runtime/system.ts";
import type { Telemetry } from "../core/runtime/telemetry.ts";
import type { Journal } from "../core/journal/port.ts";
import { HoldfastError } from "../core/errors.ts";
import type { Authenticate, HttpOptions } from "../http/options.ts";

/** What an HTTP server takes from strangers before Holdfast sees a request, and how long it waits. */
export interface ServerLimits {
  /** From the connection's start, or the request's first byte, to the end of its headers, milliseconds. Default 10,000. */
  readonly headersTimeoutMs: number;
  /** From the first byte of a request to the last of its body, milliseconds. Default 30,000. Past both: 408. */
  readonly receiveTimeoutMs: number;
  /**
   * An idle connection is kept for the next request, milliseconds. Default 65,000: longer than the 60 s after which
   * usual load balancers drop theirs, so that none sends into a connection that is just being closed.
   */
  readonly keepAliveTimeoutMs: number;
  /**
   * A connection on which nothing moves is cut, milliseconds: a client that does not read. Default 120,000; keep it above
   * `http.requestTimeoutMs` and `http.streamHeartbeatMs`, during which nothing need move.
   */
  readonly socketTimeoutMs: number;
  /** How often the first two are looked at, milliseconds. Default 1,000. */
  readonly checkIntervalMs: number;
  /** Request line and headers, bytes. Default 16,384; past it 431. */
  readonly headerBytesMax: number;
  /** Connections at once. Default 16,384; more are closed unanswered. */
  readonly connectionsMax: number;
  /** Requests that one connection may send ahead of their answers; a client that sends more is cut off. Default 100. */
  readonly pipelinedMax: number;
  /** How long shutting down waits for what is under way, milliseconds. Default 10,000. */
  readonly closeTimeoutMs: number;
}

export const defaultServerLimits: ServerLimits = {
  headersTimeoutMs: 10_000,
  receiveTimeoutMs: 30_000,
  keepAliveTimeoutMs: 65_000,
  socketTimeoutMs: 120_000,
  checkIntervalMs: 1_000,
  headerBytesMax: 16_384,
  connectionsMax: 16_384,
  pipelinedMax: 100,
  closeTimeoutMs: 10_000,
};

export interface LocalOptions<Services = unknown> {
  /** TCP port, 0 to 65,535; 0 takes any that is free. Default: the environment's `PORT`, else 8080. */
  readonly port?: number;
  /** Address to listen on. Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Folder of the database, made if missing. Default: the environment's `HOLDFAST_DATA`, else `./.holdfast`. */
  readonly data?: string;
  /** What `prepare` and handlers get. */
  readonly services?: Services;
  /** Default: JSON lines on standard output, from the level that the environment's `HOLDFAST_LOG` names, else `info`. */
  readonly logger?: Logger;
  /**
   * Who is told of spans and measurements. Default: OpenTelemetry, if its SDK (or anything else that registers with its
   * API) was started before; else nobody. `false`: nobody in any case.
   */
  readonly telemetry?: Telemetry | false;
  /** Who sends a request: `authenticateJwt(...)` or your own. Default: everybody is anonymous, of tenant `default`. */
  readonly authenticate?: Authenticate;
  /** Of the runtime. */
  readonly limits?: Partial<Limits>;
  /** Of the HTTP layer. */
  readonly http?: Omit<HttpOptions, "authenticate" | "live" | "Response">;
  /** Of the server underneath. */
  readonly server?: Partial<ServerLimits>;
  /** Shuts down in order and exits on SIGTERM and SIGINT; a second one exits at once. Default true. */
  readonly signals?: boolean;
  /**
   * `full` (default): an answer means on the disk. `normal`: an answer may be lost with the machine's power, not with
   * the process; several times faster on slow disks.
   */
  readonly synchronous?: "full" | "normal";
  /** Another store instead of the SQLite file; `data` and `synchronous` are then not used, and closing it is yours. */
  readonly journal?: Journal;
}

/** The options with what the environment and the defaults add. */
export interface LocalSettings<Services> extends LocalOptions<Services> {
  readonly port: number;
  readonly host: string;
  readonly data: string;
  readonly server: ServerLimits;
  readonly signals: boolean;
  readonly synchronous: "full" | "normal";
}

const known: ReadonlySet<string> = new Set([
  "port",
  "host",
  "data",
  "services",
  "logger",
  "telemetry",
  "authenticate",
  "limits",
  "http",
  "server",
  "signals",
  "synchronous",
  "journal",
]);

/** @throws HoldfastError `invalid-options`, saying which option or variable is wrong and what is allowed */
export function localSettings<Services>(
  options: LocalOptions<Services>,
  env: { readonly [name: string]: string | undefined },
): LocalSettings<Services> {
  refuseUnknown("option", options, known);
  refuseUnknown("server limit", options.server ?? {}, new Set(Object.keys(defaultServerLimits)));
  const server = { ...defaultServerLimits, ...options.server };
  for (const [name, value] of Object.entries(server)) {
    if (!Number.isSafeInteger(value) || value < 1 || value > 2_147_483_647) {
      throw invalid(
        `The server limit "${name}" is ${String(value)}; it must be a whole number from 1 to 2,147,483,647.`,
      );
    }
  }
  if (server.headersTimeoutMs > server.receiveTimeoutMs) {
    throw invalid(
      `The server limit "headersTimeoutMs" is ${server.headersTimeoutMs}; it cannot be more than "receiveTimeoutMs", ${server.receiveTimeoutMs}.`,
    );
  }
  const synchronous = options.synchronous ?? "full";
  if (synchronous !== "full" && synchronous !== "normal") {
    throw invalid(`The option "synchronous" is ${JSON.stringify(synchronous)}; it must be "full" or "normal".`);
  }
  return {
    ...options,
    port: portOf(options.port, env["PORT"]),
    host: options.host ?? "127.0.0.1",
    data: options.data ?? (env["HOLDFAST_DATA"] || "./.holdfast"),
    server,
    signals: options.signals ?? true,
    synchronous,
  };
}

function portOf(option: number | undefined, variable: string | undefined): number {
  const port = option ?? (variable ? Number(variable) : 8080);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  const what = option === undefined ? `PORT is ${JSON.stringify(variable)}` : `The option "port" is ${String(option)}`;
  throw invalid(`${what}; it must be a whole number from 0 to 65535 (0: any that is free).`);
}

function refuseUnknown(what: string, options: object, names: ReadonlySet<string>): void {
  for (const name of Object.keys(options)) {
    if (!names.has(name)) throw invalid(`Unknown ${what} "${name}". Known: ${[...names].join(", ")}.`);
  }
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid-options", message);
}
