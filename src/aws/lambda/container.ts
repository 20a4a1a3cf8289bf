import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import type { FailureStore } from "../../core/broker/failures.ts";
import type { PlaceStore } from "../../core/broker/places.ts";
import type { Journal } from "../../core/journal/port.ts";
import type { Limits } from "../../core/runtime/limits.ts";
import { createRuntime, type Runtime } from "../../core/runtime/runtime.ts";
import type { System } from "../../core/runtime/system.ts";
import { createCached } from "../../core/runtime/cached.ts";
import type { ChangeVisibility } from "./queue/visibility.ts";

/** The running app of one Lambda container. */
export interface Instance {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly services: unknown;
  readonly system: System;
}

/** What only functions that deliver need. */
export interface Messaging {
  readonly bus: Bus;
  readonly failures: FailureStore;
  readonly places: PlaceStore;
  readonly changeVisibility: ChangeVisibility;
}

/** What one Lambda container holds: made at its first use, kept for all invocations, made anew after it has failed. */
export interface Container {
  readonly app: App;
  readonly system: System;
  /** What the names of the deployment's queues begin with: `shop-`. */
  readonly queuePrefix: string;
  /** Whose queue the function reads, where the queue's name does not say it. */
  readonly consumer: string | undefined;
  instance(): Promise<Instance>;
  messaging(): Promise<Messaging>;
}

export interface ContainerPorts {
  readonly system: System;
  readonly limits?: Partial<Limits>;
  readonly queuePrefix?: string;
  readonly consumer?: string | undefined;
  /** Opens the journal, and what handlers get. */
  readonly open: () => Promise<{ readonly journal: Journal; readonly services?: unknown }>;
  /** Opens what only functions that deliver need. */
  readonly openMessaging: () => Promise<Messaging>;
}

/** An app on ports of your own; `createDeployment` composes those of AWS from the environment. */
export function createContainer(app: App, ports: ContainerPorts): Container {
  const { system, limits, queuePrefix = "", consumer, open, openMessaging } = ports;
  return {
    app,
    system,
    queuePrefix,
    consumer,
    instance: createCached(async () => {
      const { journal, services } = await open();
      const runtime = createRuntime(app, { journal, system, services, ...(limits && { limits }) });
      return { runtime, journal, services, system };
    }),
    messaging: createCached(openMessaging),
  };
}

/** Begins to make something while the container starts, which is not the invocations' time; who needs it is told if it fails. */
export function begin(...makers: readonly (() => Promise<unknown>)[]): void {
  for (const make of makers) make().catch(() => {});
}
