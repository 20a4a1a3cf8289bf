import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { connect, createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";

/** Table storage of this process's own, in memory: Azurite. */
export interface Tables {
  /** `http://127.0.0.1:<port>/devstoreaccount1` */
  readonly endpoint: string;
  readonly account: string;
  /** The key that every emulator of Azure's storage has; it opens nothing else. */
  readonly key: string;
  /** Ends it, and what was stored is gone. Repeatable. */
  stop(): Promise<void>;
}

/** Source: learn.microsoft.com/azure/storage/common/storage-connect-azurite */
const account = "devstoreaccount1";
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** Ends a process whose parent is gone, however it went: its end of the pipe is closed then. */
const endWithParent = `data:text/javascript,${encodeURIComponent(
  'process.stdin.resume().once("close", () => process.exit());',
)}`;

/**
 * Starts the emulator on a free port of the loopback interface; it takes requests when the promise resolves. It ends
 * with this process, even where that is killed.
 * @throws Error where it does not start within 20 s
 */
export async function startTables(): Promise<Tables> {
  const manifest = createRequire(import.meta.url).resolve("azurite/package.json");
  const program = join(dirname(manifest), "dist/src/table/main.js");
  const port = await freePort();
  const options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"];
  const child = spawn(
    process.execPath,
    ["--import", endWithParent, program, ...options, "--tableHost", "127.0.0.1", "--tablePort", String(port)],
    // Not the conditions and loaders of whoever runs the tests.
    { stdio: ["pipe", "ignore", "pipe"], env: { ...process.env, NODE_OPTIONS: "" } },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", (error) => {
      said += String(error);
      resolve();
    });
  });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async (): Promise<void> => {
    process.off("exit", kill);
    if (isRunning(child)) kill();
    await ended;
  };
  for (let attempt = 0; !(await accepts(port)); attempt++) {
    if (attempt < 2_000 && isRunning(child)) continue;
    await stop();
    throw new Error(`the emulator of Table storage did not start: ${said}`);
  }
  return { endpoint: `http://127.0.0.1:${port}/${account}`, account, key, stop };
}

function isRunning({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  // It listens on a TCP port, so it has one.
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether somebody listens on the port; says no after 10 ms. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => setTimeout(() => resolve(false), 10));
  });
}
