import { ServiceBusClient } from "@azure/service-bus";
import { type Functions, type Outcome, startFunctions } from "./functions.ts";
import { startHttp } from "./http.ts";
import { listen } from "./service-bus.ts";
import { readSettings } from "./settings.ts";
import { startTimer, type Timer } from "./timers.ts";
import { triggerOf, type Trigger } from "./triggers.ts";

export interface HostOptions {
  /** The folder of a built function app: package.json with `main`, host.json. */
  readonly code: string;
  /** Of HTTP; 0: any that is free. */
  readonly port: number;
  /** Of the functions, besides this process's own. */
  readonly environment?: { readonly [name: string]: string };
  /** What the functions write, and what goes wrong around them. */
  readonly output?: (text: string) => void;
  /** Any of them opens functions that want a key. Default: none, which leaves those closed. */
  readonly keys?: readonly string[];
  /** A module that the functions' process loads before all others: its URL. */
  readonly preload?: string;
  /** Whether a process that has died is followed by another one at once. Default: true. */
  readonly revives?: boolean;
  /** What is to stand between the host and its functions, for whoever breaks them. Default: nothing. */
  readonly wrap?: (functions: Functions) => Functions;
}

/** A function app that runs, with what invokes its functions. */
export interface Host {
  /** Where HTTP functions answer. */
  readonly url: string;
  readonly functions: Functions;
  /** Invokes a timer's function now. @throws Error where there is no such timer */
  fire(name: string): Promise<Outcome>;
  /** No timer fires any more; resolves when no run is under way. All else goes on. */
  stopTimers(): Promise<void>;
  /** Takes nothing more, lets what runs come to its end for some seconds, then runs the app's hooks and ends it. */
  stop(): Promise<void>;
}

/** How long what runs may go on while it is stopped, milliseconds. */
const graceMs = 5_000;

/**
 * Starts a function app and does what the Functions host does around it. Resolves when its functions are invoked.
 * @throws Error where the app does not start, or wants what is not done here
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const { code, port, environment = {}, output = () => {}, keys = [], preload, revives = true, wrap } = options;
  const all = { ...process.env, ...environment };
  const { timeoutSeconds, routePrefix, serviceBus: settings } = readSettings(code, all);
  const started = startFunctions({ code, environment, output, timeoutSeconds, revives, ...(preload && { preload }) });
  const functions = wrap?.(started) ?? started;
  const { invoke } = functions;
  const clients = new Map<string, ServiceBusClient>();
  const parts: { stop(): Promise<void> }[] = [];
  const timers = new Map<string, Timer>();

  function clientOf(connection: string): ServiceBusClient {
    const client = clients.get(connection) ?? new ServiceBusClient(connection);
    clients.set(connection, client);
    return client;
  }

  async function stop(): Promise<void> {
    const drained = Promise.all(parts.map((part) => part.stop()));
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([drained, new Promise((resolve) => (timer = setTimeout(resolve, graceMs)))]);
    clearTimeout(timer);
    await functions.stop();
    await drained;
    await Promise.all([...clients.values()].map((client) => client.close()));
  }

  async function start(triggers: readonly Trigger[]): Promise<string> {
    for (const trigger of triggers) {
      if (trigger.kind === "timer") {
        const timer = startTimer(trigger, invoke, output);
        timers.set(trigger.name, timer);
        parts.push(timer);
      } else if (trigger.kind === "service-bus") {
        parts.push(
          listen(trigger, { client: clientOf(trigger.connection), invoke, presence: functions, settings, output }),
        );
      }
    }
    const front = await startHttp(
      triggers.filter((trigger) => trigger.kind === "http"),
      invoke,
      { port, routePrefix, keys, output },
    );
    parts.push(front);
    return front.url;
  }

  try {
    const registered = await functions.ready();
    const url = await start(registered.map((one) => triggerOf(one, all)));
    return {
      url,
      functions,
      stop,
      async stopTimers() {
        await Promise.all([...timers.values()].map((timer) => timer.stop()));
      },
      async fire(name) {
        const timer = timers.get(name);
        if (timer === undefined)
          throw new Error(`There is no timer "${name}"; there are: ${[...timers.keys()].join(", ")}.`);
        return timer.fire();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
