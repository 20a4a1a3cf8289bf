import type { AwsPlan } from "../../functions/aws/plan.ts";
import { startApi } from "./api.ts";
import { deploy, groupOf, type Deployment } from "./deployment.ts";
import { startEmulators } from "./emulators.ts";
import { startFunctions, type Functions } from "./functions.ts";
import { pollQueue } from "./queues.ts";
import { pollStream } from "./stream.ts";

// The parts, for who puts them together in another way.
export { startApi } from "./api.ts";
export { deploy, groupOf, type Deployment } from "./deployment.ts";
export { startEmulators, type Emulators } from "./emulators.ts";
export { startFunctions, type FunctionName, type Functions, type Invoke } from "./functions.ts";
export { pollQueue } from "./queues.ts";
export { pollStream } from "./stream.ts";

export interface LocalAwsOptions {
  readonly plan: AwsPlan;
  /** The folder of the bundles: `dist/deploy/aws`. */
  readonly code: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Of the functions, besides what Holdfast needs. */
  readonly environment?: { readonly [name: string]: string };
  /** What the functions write. */
  readonly output?: (text: string) => void;
  /** How soon a message comes again whose function has died, seconds. Default: as planned, minutes. */
  readonly visibilitySeconds?: number;
}

/** A deployment on this machine: emulators, and what AWS does between them and the functions. */
export interface LocalAws {
  /** Of the HTTP API. */
  readonly url: string;
  readonly deployment: Deployment;
  readonly functions: Functions;
  stop(): Promise<void>;
}

/** Starts all of it; resolves when requests are answered. */
export async function startLocalAws(options: LocalAwsOptions): Promise<LocalAws> {
  const { plan, code, port, environment = {}, output = () => {}, visibilitySeconds } = options;
  const name = "local";
  const emulators = await startEmulators(groupOf(name));
  const deployment = await deploy(plan, name, emulators, visibilitySeconds);
  const functions = startFunctions({ code, environment: { ...environment, ...deployment.environment }, output });
  await functions.ready();
  const stop = new AbortController();
  const polling = [
    pollStream(deployment, functions.invoke, stop.signal, { seconds: plan.streamSeconds }),
    ...plan.queues.map((queue) => pollQueue(queue, deployment, functions.invoke, stop.signal)),
  ];
  const api = await startApi(functions.invoke, port, plan.httpSeconds);
  return {
    url: api.url,
    deployment,
    functions,
    async stop() {
      stop.abort();
      await api.stop();
      await functions.stop();
      await Promise.all(polling);
      deployment.clients.destroy();
      await emulators.stop();
    },
  };
}
