import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createRuntime, systemPrincipal } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { createTestApp, createVirtualSystem } from "holdfast/testing";
import shop from "../../examples/shop/app.ts";
import { cart } from "../../examples/shop/cart.ts";

export const root: string = fileURLToPath(new URL("../../", import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Node's own. */
  readonly flags?: readonly string[];
  readonly timeoutMs?: number;
  /** Standard input; none by default. */
  readonly input?: string | Buffer;
}

const settings = /^(?:NODE_OPTIONS$|PORT$|HOLDFAST_|AWS_|AZURE_)/;

/** Starts the CLI from its sources, without any settings of whoever runs the tests. */
export function startCli(
  args: readonly string[],
  { cwd = root, env = {}, flags = [], timeoutMs, input }: CliOptions = {},
): ChildProcess {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !settings.test(name)));
  const main = join(root, "src/cli/main.ts");
  const child = spawn(process.execPath, [...flags, "--conditions=holdfast-source", main, ...args], {
    cwd,
    env: { ...own, NO_COLOR: "1", HOLDFAST_LOG: "error", ...env },
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(timeoutMs !== undefined && { timeout: timeoutMs }),
  });
  // It may end before it has read all.
  child.stdin?.on("error", () => {}).end(input);
  return child;
}

/** Resolves when the command has ended; one that does not by itself is ended, without an exit code. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<Ran> {
  const child = startCli(args, { timeoutMs: 25_000, ...options });
  if (!child.stdout || !child.stderr) throw new Error("the command has no outputs");
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: typeof code === "number" ? code : null, stdout, stderr };
}

/** Fills a data folder with a cart that was checked out and one that was erased: the same times and ids in every run. */
export async function shopData(folder?: string): Promise<string> {
  const data = folder ?? (await mkdtemp(join(tmpdir(), "holdfast-cli-")));
  const system = createVirtualSystem();
  const journal = createSqliteJournal({ file: join(data, "holdfast.db"), system });
  const runtime = createRuntime(shop, { journal, system });
  const add = (id: string, quantity: number) =>
    runtime.execute({
      entity: "cart",
      id,
      command: "addItem",
      input: { productId: "A-1", name: "Anchor", quantity },
      key: "secret-key",
      principal: { ...systemPrincipal, kind: "user", id: "ada" },
    });
  await add("u1", 2);
  await runtime.call(cart, "u1").checkout({ country: "AT" });
  await add("gone", 1);
  await runtime.erase({ entity: "cart", id: "gone", principal: systemPrincipal });
  await runtime.close();
  await journal.close();
  return data;
}

/** Adds dead letters to what {@link shopData} made: 1, a row that is none, and a payment that failed ten times. */
export async function addDeadLetters(data: string): Promise<void> {
  const journal = createSqliteJournal({ file: join(data, "holdfast.db"), system: createVirtualSystem() });
  const charge = () => Promise.reject(new Error("the gateway does not answer"));
  const services = { gateway: { charge, refund: async () => {} }, paymentMs: 86_400_000 };
  const row = { name: "row-7", body: '{"id":"A-2","name":"Buoy"}', attributes: '{"sheet":"spring"}' };
  await journal.send("queue:imports", [{ ...row, created: Date.UTC(2026, 0, 1) }]);
  const run = createTestApp(shop, { services, journal });
  await run.delivered();
  await run.clock.advance(600_000);
  await run.delivered();
  await run.close();
  await journal.close();
}
