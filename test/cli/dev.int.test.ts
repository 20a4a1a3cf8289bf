import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ChildProcess } from "node:child_process";
import { expect, test } from "vitest";
import { root, startCli } from "./run-cli.ts";

test("dev serves the app, and serves it anew when its file changes", { timeout: 60_000 }, async () => {
  // Within the repository, so that `holdfast` and zod resolve.
  const folder = await mkdtemp(join(root, "test/cli/.dev-"));
  let child: ChildProcess | undefined;
  try {
    await cp(join(root, "examples/shop"), folder, { recursive: true });
    child = startCli(["dev", "--app", join(folder, "app.ts"), "--port", "0", "--data", folder]);
    const listening = nextUrl(child);
    const put = (url: string) =>
      fetch(`${url}/api/cart/u1/addItem`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ productId: "A-1", name: "Anchor", quantity: 0 }),
      }).then((response) => response.json() as Promise<{ detail: string }>);
    expect((await put(await listening())).detail).toBe("Cannot add negative quantity to item A-1");
    const file = join(folder, "cart.ts");
    await writeFile(file, (await readFile(file, "utf8")).replace("Cannot add negative quantity", "Too few"));
    expect((await put(await listening())).detail).toBe("Too few to item A-1");
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  } finally {
    child?.kill("SIGKILL");
    await rm(folder, { recursive: true });
  }
});

test("dev runs the main file beside the app, where there is one", { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(root, "test/cli/.dev-"));
  let child: ChildProcess | undefined;
  try {
    await writeFile(join(folder, "app.ts"), 'export { default } from "../../../examples/shop/app.ts";');
    await writeFile(
      join(folder, "local.ts"),
      `import { runLocal } from "holdfast/local";
       import app from "./app.ts";
       const services = { gateway: { charge: async () => ({ ok: true, receipt: "own" }) }, paymentMs: 60_000 };
       await runLocal(app, { services });`,
    );
    child = startCli(["dev", "--app", join(folder, "app.ts"), "--port", "0", "--data", join(folder, "data")]);
    const url = await nextUrl(child)();
    const post = (command: string, input: object) =>
      fetch(`${url}/api/cart/u1/${command}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(input),
      });
    expect((await post("addItem", { productId: "A-1", name: "Anchor", quantity: 1 })).ok).toBe(true);
    expect((await post("checkout", { country: "AT" })).ok).toBe(true);
    const order = async () => ((await (await fetch(`${url}/api/order/u1`)).json()) as { status: string }).status;
    await expect.poll(order, { timeout: 20_000 }).toBe("paid");
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    await exited;
  } finally {
    child?.kill("SIGKILL");
    await rm(folder, { recursive: true });
  }
});

/** Each call waits for the next address that the child says it listens on. */
function nextUrl(child: ChildProcess): () => Promise<string> {
  const found: string[] = [];
  const waiting: ((url: string) => void)[] = [];
  child.stderr?.on("data", (chunk: Buffer) => {
    for (const [, url = ""] of chunk.toString().matchAll(/Listening on (\S+)/g)) {
      const next = waiting.shift();
      if (next) next(url);
      else found.push(url);
    }
  });
  return async () => found.shift() ?? new Promise((resolve) => void waiting.push(resolve));
}
