import type { TargetOptions } from "../options.ts";
import { openLocal } from "./local.ts";
import type { Tools } from "./tools.ts";

/** Opens what the options name for `work`, and closes it. */
export async function withTools<T>(options: TargetOptions, work: (tools: Tools) => Promise<T>): Promise<T> {
  const tools = await open(options);
  try {
    return await work(tools);
  } finally {
    await tools.close();
  }
}

async function open(options: TargetOptions): Promise<Tools> {
  if (options.target === "local") return openLocal(options.data);
  const { openAws } = await import("./aws.ts");
  return openAws(options);
}
