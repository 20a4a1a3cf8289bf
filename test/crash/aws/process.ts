import { startCloud as startProcess, type Cloud as CloudProcess } from "../cloud-process.ts";
import type { Calls, CloudOptions, Deployed } from "./messages.ts";

/** The process of the cloud. */
export type Cloud = CloudProcess<Deployed, Calls>;

/** Starts it; it ends with this process. */
export function startCloud(options: CloudOptions, env: NodeJS.ProcessEnv): Promise<Cloud> {
  return startProcess(new URL("cloud.ts", import.meta.url), options, env);
}
