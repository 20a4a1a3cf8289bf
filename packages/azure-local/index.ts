import type { Clock } from "@holdfast/service-bus-emulator";
import type { AzurePlan } from "../../functions/azure/plan.ts";
import { deploy, type Deployment } from "./deployment.ts";
import { type Host, startHost } from "./host.ts";

// The parts, for who puts them together in another way.
export { deploy, type Deployment, entitiesOf } from "./deployment.ts";
export { type Emulators, startEmulators } from "./emulators.ts";
export { type Functions, type Invoke, type Outcome, startFunctions } from "./functions.ts";
export type { Input, TypedData } from "./rpc.ts";
export { listen, type Listener, type ListenerOptions } from "./service-bus.ts";
export { readSettings } from "./settings.ts";
export { type Host, type HostOptions, startHost } from "./host.ts";

export interface LocalAzureOptions {
  readonly plan: AzurePlan;
  /** The folder of the built function app: `dist/deploy/azure/app`. */
  readonly code: string;
  /** 0: any that is free. */
  readonly port: number;
  /** What the names of topic and queues begin with. Default: nothing. */
  readonly prefix?: string;
  /** Of the functions, besides what Holdfast needs; it goes before what the plan says. */
  readonly environment?: { readonly [name: string]: string };
  /** What the functions write, and what goes wrong around them. */
  readonly output?: (text: string) => void;
  /** Any of them opens functions that want a key. */
  readonly keys?: readonly string[];
  /** How soon a message comes again whose function has died, seconds. Default: as planned, a minute or more. */
  readonly lockSeconds?: number;
  /** Of the broker. Default: this process's. */
  readonly clock?: Clock;
  /** A module that the functions' process loads before all others: its URL. */
  readonly preload?: string;
}

/** A deployment on this machine: emulators, a function app, and what Azure does between them. */
export interface LocalAzure extends Host {
  readonly deployment: Deployment;
}

/** Starts all of it; resolves when requests are answered. */
export async function startLocalAzure(options: LocalAzureOptions): Promise<LocalAzure> {
  const { plan, prefix = "", lockSeconds, clock, environment, ...others } = options;
  const deployment = await deploy(plan, {
    prefix,
    ...(lockSeconds !== undefined && { lockSeconds }),
    ...(clock && { clock }),
  });
  try {
    const host = await startHost({ ...others, environment: { ...deployment.environment, ...environment } });
    return {
      ...host,
      deployment,
      async stop() {
        await host.stop();
        await deployment.emulators.stop();
      },
    };
  } catch (error) {
    await deployment.emulators.stop();
    throw error;
  }
}
