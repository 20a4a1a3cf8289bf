import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { welcome } from "../../examples/shop/welcome.ts";
import { root, runCli } from "../cli/run-cli.ts";
import { startServer } from "../crash/server.ts";
import { describeShop } from "./shop-acceptance.ts";

// As `npm start` serves it; the CLI fills the queue.
describeShop("one machine", async (env) => {
  const data = await mkdtemp(join(tmpdir(), "holdfast-shop-"));
  let server = await startServer(data, env);
  return {
    url: server.url,
    async restart() {
      await server.kill();
      server = await startServer(data, env);
      return server.url;
    },
    async send(queue, body) {
      expect(await runCli(["send", queue, body, "--data", data])).toMatchObject({ code: 0 });
    },
    async stop() {
      await server.kill();
      await rm(data, { recursive: true });
    },
  };
});

test("what the welcome page tells to send is a message of the queue", () => {
  const message = /send imports '(?<json>.*)'/.exec(welcome("localhost:8080"))?.groups?.["json"] ?? "";
  expect(JSON.parse(message)).toMatchObject({ id: "A-1", name: "Anchor" });
});

test("the README shows the same commands as npm start", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  const commands = (page: string) => page.match(/^ *(curl|npm run).*$/gm)?.map((line) => line.trim()) ?? [];
  const printed = commands(welcome("localhost:8080"));
  expect(printed.length).toBeGreaterThanOrEqual(5);
  expect(commands(readme)).toEqual(expect.arrayContaining(printed));
});

test("a payment time that is none is refused in one line", async () => {
  const data = await mkdtemp(join(tmpdir(), "holdfast-shop-"));
  const child = spawn(process.execPath, ["--conditions=holdfast-source", "functions/local.ts"], {
    cwd: root,
    env: { ...process.env, PORT: "0", HOLDFAST_DATA: data, HOLDFAST_SHOP_PAYMENT_MS: "soon" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  expect(said).toBe(
    'HOLDFAST_SHOP_PAYMENT_MS is "soon"; it must be a whole number of milliseconds, 1 to 2592000000.\n',
  );
  expect(code).toBe(1);
  await rm(data, { recursive: true });
});
