import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { type Host, startHost } from "@holdfast/azure-local";
import { type OperationKind, type ServiceBus, startServiceBus } from "@holdfast/service-bus-emulator";
import { onTestFinished } from "vitest";

/** What a function of the test's app has told. */
export interface Told {
  readonly what: string;
  readonly pid: number;
  readonly isBytes?: boolean;
  readonly message?: unknown;
  readonly metadata?: { readonly [name: string]: unknown };
  readonly [other: string]: unknown;
}

/** Hears what functions are invoked with, and decides how it goes on with them. */
export interface Recorder {
  readonly url: string;
  /** All that was told, in its order. */
  readonly told: readonly Told[];
  /** What to do with what is told: 200 lets the function return, anything else makes it throw. Default: 200. */
  decide: (told: Told) => number | Promise<number>;
  /** Resolves when that many of what is asked for were told. */
  until(what: string, count: number): Promise<readonly Told[]>;
}

export async function startRecorder(): Promise<Recorder> {
  const told: Told[] = [];
  const waiting = new Set<() => void>();
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const one = JSON.parse(Buffer.concat(chunks).toString()) as Told;
      told.push(one);
      for (const look of waiting) look();
      response.writeHead(await recorder.decide(one)).end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // It listens on a TCP port, so it has one.
  const { port } = server.address() as AddressInfo;
  const recorder: Recorder = {
    url: `http://127.0.0.1:${port}/`,
    told,
    decide: () => 200,
    until(what, count) {
      return new Promise((resolve) => {
        const look = (): void => {
          const some = told.filter((one) => one.what === what);
          if (some.length < count) return;
          waiting.delete(look);
          resolve(some);
        };
        waiting.add(look);
        look();
      });
    },
  };
  return recorder;
}

export interface Running {
  readonly host: Host;
  /** Another instance of the app, with the same broker. */
  another(): Promise<Host>;
  readonly bus: ServiceBus;
  readonly recorder: Recorder;
  /** Resolves when the broker was asked for that many operations of a kind. */
  untilAsked(kind: OperationKind, count: number): Promise<void>;
  /** What the host and its functions have written. */
  readonly output: () => string;
}

const lockMs = 1_000;

/** The folder of the function app that tells what it is invoked with. */
export const testApp: string = fileURLToPath(new URL("./app/", import.meta.url));

/** Runs the test's function app with a broker of its own. */
export async function run(
  environment: { readonly [name: string]: string } = {},
  keys: readonly string[] = ["secret"],
  revives = true,
): Promise<Running> {
  const recorder = await startRecorder();
  const asked = new Map<OperationKind, number>();
  const askers = new Set<() => void>();
  const bus = await startServiceBus({
    faults({ kind }) {
      asked.set(kind, (asked.get(kind) ?? 0) + 1);
      for (const look of askers) look();
      return undefined;
    },
    queues: {
      "shop-ordered": { requiresSession: true, lockDurationMs: lockMs },
      work: { lockDurationMs: lockMs },
    },
    topics: { events: { subscriptions: { mail: { requiresSession: true } } } },
  });
  onTestFinished(() => bus.stop());
  let output = "";
  async function start(): Promise<Host> {
    const host = await startHost({
      code: testApp,
      port: 0,
      keys,
      environment: {
        RECORDER: recorder.url,
        BUS: bus.connectionString,
        PREFIX: "shop-",
        OFTEN: "0 0 0 29 2 *",
        ...environment,
      },
      output: (text) => void (output += text),
      revives,
    });
    onTestFinished(() => host.stop());
    return host;
  }

  function untilAsked(kind: OperationKind, count: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if ((asked.get(kind) ?? 0) < count) return;
        askers.delete(look);
        resolve();
      };
      askers.add(look);
      look();
    });
  }

  return { host: await start(), untilAsked, another: start, bus, recorder, output: () => output };
}
