import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const repository: string = join(import.meta.dirname, "..");

/**
 * A new folder on the disk that holds the repository: in the system's temporary folder if that is the same device
 * (it may be memory), else in `bench/.data`. Removed when the process ends.
 */
export function createFolder(): { readonly path: string; readonly remark: string } {
  const same = statSync(tmpdir()).dev === statSync(repository).dev;
  const parent = same ? tmpdir() : join(repository, "bench", ".data");
  if (!same) {
    mkdirSync(parent, { recursive: true });
    writeFileSync(join(parent, ".gitignore"), "*\n");
  }
  const path = mkdtempSync(join(parent, "holdfast-bench-"));
  process.on("exit", () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      process.stderr.write(`\nStopped by ${signal}.\n`);
      process.exit(130);
    });
  }
  return { path, remark: `${path}, on the repository's disk (device ${statSync(path).dev})` };
}
