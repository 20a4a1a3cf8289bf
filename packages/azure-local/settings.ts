import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What of host.json matters here. */
export interface Settings {
  /** How long an invocation may take. */
  readonly timeoutSeconds: number;
  /** What HTTP routes begin with, without slashes at its ends: `api`, or nothing. */
  readonly routePrefix: string;
  readonly serviceBus: {
    /** Messages at once of a queue without sessions. */
    readonly maxConcurrentCalls: number;
    readonly maxConcurrentSessions: number;
    /** How long an empty session is held. */
    readonly sessionIdleTimeoutMs: number;
    /** After that nobody renews a lock any more. */
    readonly maxAutoLockRenewalMs: number;
  };
}

export type Environment = { readonly [name: string]: string | undefined };

interface HostJson {
  readonly functionTimeout?: string;
  readonly extensions?: {
    readonly http?: { readonly routePrefix?: string };
    readonly serviceBus?: {
      readonly maxConcurrentCalls?: number;
      readonly maxConcurrentSessions?: number;
      readonly sessionIdleTimeout?: string;
      readonly maxAutoLockRenewalDuration?: string;
    };
  };
}

/**
 * Reads host.json of a function app, with what the environment says instead of it (`AzureFunctionsJobHost__...`). The
 * defaults are the host's.
 * Source: learn.microsoft.com/azure/azure-functions/functions-host-json, .../functions-bindings-service-bus
 * @throws Error for a time that is none
 */
export function readSettings(code: string, environment: Environment): Settings {
  const { functionTimeout, extensions: { http = {}, serviceBus = {} } = {} } = JSON.parse(
    readFileSync(join(code, "host.json"), "utf8"),
  ) as HostJson;

  const said = (path: string): string | undefined => {
    const wanted = `azurefunctionsjobhost__${path.replaceAll(".", "__")}`.toLowerCase();
    return Object.entries(environment).find(([name]) => name.toLowerCase() === wanted)?.[1];
  };
  const ms = (path: string, written: string | undefined, otherwise: string): number =>
    millisecondsOf(path, said(path) ?? written ?? otherwise);
  const count = (path: string, written: number | undefined, otherwise: number): number =>
    Number(said(path) ?? written ?? otherwise);
  const ofBus = "extensions.serviceBus";
  return {
    timeoutSeconds: ms("functionTimeout", functionTimeout, "00:30:00") / 1_000,
    routePrefix: (said("extensions.http.routePrefix") ?? http.routePrefix ?? "api").replaceAll(/^\/|\/$/g, ""),
    serviceBus: {
      maxConcurrentCalls: count(`${ofBus}.maxConcurrentCalls`, serviceBus.maxConcurrentCalls, 16),
      maxConcurrentSessions: count(`${ofBus}.maxConcurrentSessions`, serviceBus.maxConcurrentSessions, 8),
      sessionIdleTimeoutMs: ms(`${ofBus}.sessionIdleTimeout`, serviceBus.sessionIdleTimeout, "00:01:00"),
      maxAutoLockRenewalMs: ms(
        `${ofBus}.maxAutoLockRenewalDuration`,
        serviceBus.maxAutoLockRenewalDuration,
        "00:05:00",
      ),
    },
  };
}

/** `hh:mm:ss`, with a fraction of a second where one is written. */
function millisecondsOf(path: string, text: string): number {
  const [, hours, minutes, seconds] = /^(\d+):([0-5]\d):([0-5]\d(?:\.\d{1,7})?)$/.exec(text) ?? [];
  if (seconds === undefined) throw new Error(`${path} of host.json is "${text}"; it has to be hh:mm:ss.`);
  return (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
}
