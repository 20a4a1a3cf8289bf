import { isIPv6 } from "node:net";
import { join, resolve } from "node:path";
import type { App } from "../../core/app.ts";
import { createDelivery } from "../../core/delivery/delivery.ts";
import type { OutgoingMessage } from "../../core/delivery/outgoing.ts";
import { isMessageStore } from "../../core/delivery/port.ts";
import { HoldfastError } from "../../core/errors.ts";
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
import { registeredTelemetry } from "./telemetry.ts";
import { checkWritable, databaseError, listenError, makeDataFolder } from "./startup.ts";

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
  /** Absolute path of the data folder; absent where another journal takes the place of the file. */
  readonly data: string | undefined;
  readonly runtime: Runtime;
  /**
   * Puts a message into a worker's queue; durable when it resolves. Answers its id.
   * @throws HoldfastError `message-too-large`, `invalid-message-id`; `no-queues` where the journal keeps no messages
   */
  send(queue: string, message: OutgoingMessage): Promise<string>;
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
  const telemetry = settings.telemetry ?? (await registeredTelemetry());
  const system = createSystem({ log, ...(telemetry && { telemetry }) });
  const journal = await openJournal(settings, system);
  try {
    return await start(app, settings, system, journal);
  } catch (error) {
    await journal.close();
    throw error;
  }
}

/** How long before `closeTimeoutMs` handlers that still run are told to stop, milliseconds. */
const stopMs = 500;

/** How long closing the database may take on top, milliseconds. */
const journalTimeoutMs = 1_000;

/** How long sending the last spans and measurements may take on top, milliseconds. */
const flushTimeoutMs = 1_000;

type ClosableJournal = Journal & { close(): void | Promise<void> };

async function openJournal(settings: LocalSettings<unknown>, system: System): Promise<ClosableJournal> {
  const { synchronous, journal } = settings;
  if (journal) return { ...journal, close: () => {} };
  const data = resolve(settings.data);
  const file = join(data, "holdfast.db");
  await makeDataFolder(data);
  await checkWritable(file);
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
  const { log, telemetry } = system;
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
  const delivery = isMessageStore(journal) ? createDelivery(runtime, { store: journal, journal, services }) : undefined;
  // Before anything can be committed here: a new subscription misses nothing.
  await delivery?.start();
  const port = await server.listen(settings.port, host).catch(async (error: unknown) => {
    await delivery?.close(0);
    throw listenError(host, settings.port, error);
  });
  const url = urlOf(host, port);
  const data = settings.journal ? undefined : resolve(settings.data);
  // `runLocal` says it to people.
  log.debug({ url, data }, "listening");

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
      Promise.all([server.drain(), delivery?.close(Math.max(0, closeTimeoutMs - stopMs))]).then(() => runtime.close()),
    );
    const left = finished ? 0 : Math.max(1, server.cut());
    if (left > 0) log.error({ left, closeTimeoutMs }, `shutting down took too long: ${left} requests were cut off`);
    if (!(await inTime(journalTimeoutMs, Promise.resolve(journal.close())))) {
      log.error({ journalTimeoutMs }, "the database could not be closed; what was answered is safe");
    }
    if (telemetry && !(await inTime(flushTimeoutMs, telemetry.flush()))) {
      log.warn({ flushTimeoutMs }, "the last telemetry could not be sent");
    }
    log.info({ left }, "stopped");
    return { left };
  }

  let closing: Promise<Closed> | undefined;
  const close = (): Promise<Closed> => (closing ??= shutDown());
  const forgetSignals = settings.signals ? onSignals(close) : () => {};
  const send = async (queue: string, message: OutgoingMessage): Promise<string> => {
    if (delivery) return delivery.send(queue, message);
    throw new HoldfastError("no-queues", "This journal keeps no messages.");
  };
  return { url, port, data, runtime, send, close };
}

/** An address to type, also where the host listens on all. */
function urlOf(host: string, port: number): string {
  const name = host === "0.0.0.0" || host === "::" ? "localhost" : isIPv6(host) ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
