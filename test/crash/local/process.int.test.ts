import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { bundle } from "./target.ts";

/** A process that is stopped accepts connections, too; one that has ended does not. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    }).on("error", () => resolve(false));
  });
}

test("processes end with the one that started them, also where it is killed and they are stopped", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-crash-"));
  try {
    const [file, data] = [join(folder, "child.mjs"), join(folder, "data")];
    mkdirSync(data);
    bundle(file);
    const program = fileURLToPath(new URL("parent.ts", import.meta.url));
    const parent = spawn(process.execPath, ["--conditions=holdfast-source", program, file, data], {
      env: { ...process.env, NODE_OPTIONS: "" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const ports = line.toString().trim().split(" ").map(Number);
    expect(await Promise.all(ports.map(listens))).toEqual([true, true]);
    parent.kill("SIGKILL");
    // The test's own time is the bound.
    for (const port of ports) while (await listens(port)) await sleep(10);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
