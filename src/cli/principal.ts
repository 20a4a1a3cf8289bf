import { userInfo } from "node:os";
import type { Principal } from "../index.ts";
import { systemPrincipal } from "../core/runtime/runtime.ts";

/**
 * Who acts at the command line: the system, since the file's permissions have let it in, under the name of the user of
 * this machine, which the journal keeps: `cli:ada`, `cli:1000` where the user has no name.
 */
export function cliPrincipal(tenant: string): Principal {
  return { ...systemPrincipal, id: `cli:${userName()}`, tenant };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // In a container, for example, whose user is in no list.
    return String(process.getuid?.() ?? "unknown");
  }
}
