import type { TargetOptions } from "../options.ts";
import type { BrokerTools } from "./broker.ts";
import { openLocal } from "./local.ts";
import type { Tools } from "./tools.ts";

/** Opens what the options name for `work`, and closes it. */
export async function withTools<T>(options: TargetOptions, work: (tools: Tools) => Promise<T>): Promise<T> {
  return closing(options.target === "local" ? openLocal(options.data) : await openBroker(options), work);
}

/** The same of a deployment with a broker. */
export async function withBroker<T>(options: TargetOptions, work: (tools: BrokerTools) => Promise<T>): Promise<T> {
  return closing(await openBroker(options), work);
}

async function closing<T, Opened extends Tools>(tools: Opened, work: (tools: Opened) => Promise<T>): Promise<T> {
  try {
    return await work(tools);
  } finally {
    await tools.close();
  }
}

/** Each target's own are loaded where it is meant. */
async function openBroker(options: TargetOptions): Promise<BrokerTools> {
  if (options.target === "azure") return (await import("./azure.ts")).openAzure(options);
  return (await import("./aws.ts")).openAws(options);
}
