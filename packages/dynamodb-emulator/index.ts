import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { connect, createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";

/** A DynamoDB of this process's own, in memory. */
export interface Dynamo {
  /** `http://127.0.0.1:<port>`; takes any credentials and any region. */
  readonly endpoint: string;
  /** Ends it, and what was stored is gone. Repeatable. */
  stop(): Promise<void>;
}

/** The emulator's program; undefined where npm did not install it. */
function program(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve("@dynoxide/linux-x64/package.json");
    return join(dirname(manifest), "dynoxide");
  } catch {
    return undefined;
  }
}

/** Why there is no emulator on this machine; undefined where there is one. */
export function whyNoDynamo(): string | undefined {
  if (program() !== undefined) return undefined;
  const here = `${process.platform}-${process.arch}`;
  return `the DynamoDB emulator (@dynoxide/linux-x64) is for linux-x64 only, and this is ${here}, or npm left out optional packages`;
}

/**
 * Starts the emulator on a free port of the loopback interface; it takes requests when the promise resolves. It ends
 * with this process.
 * @throws Error where it is not installed (`whyNoDynamo`), or does not start within 10 s
 */
export async function startDynamo(): Promise<Dynamo> {
  const file = program();
  if (file === undefined) throw new Error(whyNoDynamo());
  const port = await freePort();
  const child = spawn(file, ["serve", "--host", "127.0.0.1", "--port", String(port)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
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
    if (attempt < 1_000 && isRunning(child)) continue;
    await stop();
    throw new Error(`the DynamoDB emulator did not start: ${said}`);
  }
  return { endpoint: `http://127.0.0.1:${port}`, stop };
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
