import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { App } from "../../core/entity/app.ts";
import type { Journal } from "../../core/journal/port.ts";
import { createRuntime, type Runtime } from "../../core/runtime/runtime.ts";
import { createSystem, type System } from "../../core/runtime/system.ts";
import { createHttp, type Http } from "../../http/create-http.ts";
import { within } from "../../http/deadline.ts";
import { createSqliteJournal } from "../journal/sqlite.ts";
import { localSettings, type LocalOptions, type LocalSettings } from "../options.ts";
import { createListener } from "./listener.ts";
import { createLogger } from "./logger.ts";
import { createTrackedServer } from "./server.ts";
import { onSignals } from "./signals.ts";
import { databaseError, listenError, makeDataFolder } from "./startup.ts";

/** What was left when shutting down had to stop waiting. */
export interface Closed {
  /** Requests that were cut off; 0 if all was finished in time. */
  readonly left: number;
}

/** An app that is being served. */
export interface LocalHost {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly port: number;
  readonly runtime: Runtime;
  /**
   * Stops accepting, ends event streams, finishes what is under way, closes the database. Resolves within
   * `server.closeTimeoutMs` in any case; repeatable.
   */
  close(): Promise<Closed>;
}

/**
 * Serves the app from this process, on a SQLite database in a folder. Any number of processes may share the folder.
 * @throws HoldfastError `invalid-options`, `cannot-start` or one of the journal's, with a message that says what to do
 */
export async function serve<Services>(
  app: App<unknown, Services>,
  options: LocalOptions<Services> = {},
): Promise<LocalHost> {
  const settings = localSettings(options, process.env);
  const log = settings.logger ?? createLogger(process.env["HOLDFAST_LOG"] || "info");
  const system = createSystem({ log });
  const journal = await openJournal(settings, system);
  try {
    return await start(app, settings, system, journal);
  } catch (error) {
    await journal.close();
    throw error;
  }
}

/** How long closing the database may take on top, milliseconds. */
const journalTimeoutMs = 1_000;

type ClosableJournal = Journal & { close(): void | Promise<void> };

async function openJournal(settings: LocalSettings<unknown>, system: System): Promise<ClosableJournal> {
  const { data, synchronous, journal } = settings;
  if (journal) return { ...journal, close: () => {} };
  const file = join(data, "holdfast.db");
  await makeDataFolder(data);
  try {
    return createSqliteJournal({ file, system, synchronous });
  } catch (error) {
    throw databaseError(file, error);
  }
}

async function start<Services>(
  app: App<unknown, Services>,
  settings: LocalSettings<Services>,
  system: System,
  journal: ClosableJournal,
): Promise<LocalHost> {
  const { services, limits, authenticate, host } = settings;
  const { log } = system;
  const runtime = createRuntime(app, {
    journal,
    system,
    ...(services !== undefined && { services }),
    ...(limits && { limits }),
  });
  // The listener brings the class that the HTTP layer answers with, and is asked for nothing before it listens.
  const listener = createListener((request, env) => http.fetch(request, env), system.newId);
  const http: Http = createHttp(runtime, {
    ...settings.http,
    ...(authenticate && { authenticate }),
    live: true,
    Response: listener.Response,
  });
  const server = createTrackedServer(settings.server, listener, system);
  const port = await server.listen(settings.port, host).catch((error: unknown) => {
    throw listenError(host, settings.port, error);
  });
  const url = urlOf(host, port);
  log.info({ url, data: settings.journal ? undefined : settings.data }, "listening");

  /** Whether the work was done within that time. */
  function inTime(ms: number, work: Promise<unknown>): Promise<boolean> {
    return within(
      system,
      ms,
      work.then(() => true),
      () => new Error(),
    ).catch(() => false);
  }

  async function shutDown(): Promise<Closed> {
    const { closeTimeoutMs } = settings.server;
    log.info({}, "shutting down");
    forgetSignals();
    http.close();
    const finished = await inTime(
      closeTimeoutMs,
      server.drain().then(() => runtime.close()),
    );
    const left = finished ? 0 : Math.max(1, server.cut());
    if (left > 0) log.error({ left, closeTimeoutMs }, `shutting down took too long: ${left} requests were cut off`);
    if (!(await inTime(journalTimeoutMs, Promise.resolve(journal.close())))) {
      log.error({ journalTimeoutMs }, "the database could not be closed; what was answered is safe");
    }
    log.info({ left }, "stopped");
    return { left };
  }

  let closing: Promise<Closed> | undefined;
  const close = (): Promise<Closed> => (closing ??= shutDown());
  const forgetSignals = settings.signals ? onSignals(close) : () => {};
  return { url, port, runtime, close };
}

/** An address to type, also where the host listens on all. */
function urlOf(host: string, port: number): string {
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : isIPv6(host) ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
