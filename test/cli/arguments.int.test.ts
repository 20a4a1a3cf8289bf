import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, runCli, shopData } from "./run-cli.ts";

let data: string;
/** Within the repository, so that `holdfast` resolves. */
let modules: string;

beforeAll(async () => {
  data = await shopData();
  modules = await mkdtemp(join(root, "test/cli/.dev-apps-"));
  const start = `import { runLocal } from "holdfast/local";
    import app from "../../../examples/shop/app.ts";
    await runLocal(app, { port: 0, data: ${JSON.stringify(join(data, "started"))} });`;
  await writeFile(join(modules, "main.ts"), start);
  await writeFile(join(modules, "both.ts"), `${start}\nexport { app as default };`);
});

afterAll(() => Promise.all([data, modules].map((folder) => rm(folder, { recursive: true }))));

/** What everyone is told in the same way: on standard error only, without a stack trace. */
async function refused(args: readonly string[], code: 1 | 2, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const ran = await runCli(args, { env: { HOLDFAST_DATA: data, ...env } });
  expect(ran).toMatchObject({ code, stdout: "" });
  expect(ran.stderr).not.toMatch(/^\s+at /m);
  return ran.stderr;
}

describe("a call that cannot work ends with exit code 2 and names what was wrong", () => {
  test.each([
    [["list", "cart", "--limit", "0"], "'--limit <number>' argument '0' is invalid. It must be a whole number from 1"],
    [["list", "cart", "--limit", "x"], "'--limit <number>' argument 'x'"],
    [["list", "cart", "--tenant", "Acme"], "'--tenant <name>' argument 'Acme'"],
    [["export", "--tenant", "a b"], "'--tenant <name>' argument 'a b'"],
    [["events", "cart", "u1", "--tenant", ""], "'--tenant <name>' argument ''"],
    [["export", "--entity", "1st"], "'--entity <name>' argument '1st'"],
    [["list", "c art"], "'c art' is invalid for argument 'entity'"],
    [["events", "cart", "a/b"], "The id holds one of"],
    [["events", "cart", "u1", "--data", "/nowhere"], "There is no journal at"],
    [["erase", "crat", "u1"], 'The app has no entity "crat". It has: cart'],
    [["manifest", "--app", "nowhere.ts"], "There is no file nowhere.ts"],
    [["manifest", "--app", "package.json"], "could not be loaded"],
    [["manifest", "--app", "vitest.config.ts"], "does not export an app"],
    [["manifest", "--check", "nowhere.json"], "There is no file nowhere.json"],
    [["diagram", "--app", "nowhere.ts"], "There is no file nowhere.ts"],
    [["dead-letters", "list", "--queue", "a b"], "'--queue <name>' argument 'a b'"],
    [["dead-letters", "list", "--sends", "--timers"], "'--sends' cannot be used with option '--timers'"],
    [["dead-letters", "show", "0"], "The id of a dead letter is a whole number from 1."],
    [["dead-letters", "redrive", "1", "x"], "'x' is invalid for argument 'ids'"],
    [["dead-letters", "redrive"], "Name ids, or say --all."],
    [["dead-letters", "redrive", "--queue", "imports"], "Name ids, or say --all."],
    [["dead-letters", "drop", "1", "--all", "--yes"], "not both"],
    [["send", "a b", "1"], "'a b' is invalid for argument 'queue'"],
    [["send", "imports", "{"], "The message cannot be sent: The body is not JSON"],
    [["send", "imports", '{"n":1e400}'], "The message cannot be sent: "],
    [["send", "imports", "1", "--id", "\u00fc"], "The id of a message is 1 to 128 printable ASCII characters"],
    [["send", "imports", "1", "--attribute", "=x"], "It must be name=value."],
    [["send", "imports", "1", "--lines"], "--lines is for standard input"],
    [["send", "imports", "--lines", "--id", "x"], "--id is for one message"],
    [["send", "import", "1", "--app", "examples/shop/app.ts"], "Its workers' queues: imports."],
    [["send", "imports", "1", "--data", "/nowhere"], "There is no journal at"],
  ])("%j", async (args, text) => {
    expect(await refused(args, 2)).toContain(text);
  });

  test.each([
    [["--port", "x"], {}, "'--port <number>' argument 'x' is invalid. It must be a whole number from 0 to 65535."],
    [["--port", "65536"], {}, "'--port <number>' argument '65536'"],
    [[], { PORT: "-1" }, "'--port <number>' value '-1' from env 'PORT'"],
    [
      ["--port", "0", "--data", "package.json"],
      {},
      "--data package.json: The data folder package.json is not a folder.",
    ],
  ])("dev %j with %j", async (args, env, text) => {
    expect(await refused(["dev", ...args], 2, env)).toContain(text);
  });

  test("dev on a port that is in use", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    // An address with a port is what a listening TCP server has.
    const { port } = server.address() as AddressInfo;
    expect(await refused(["dev", "--port", `${port}`], 2)).toContain(`--port ${port}: Port ${port} on 127.0.0.1 is in`);
    server.close();
  });

  test.each(["openapi", "manifest", "erase cart u1"])("%s of a module that starts a server", async (command) => {
    for (const name of ["main.ts", "both.ts"]) {
      const { code, stderr } = await runCli([...command.split(" "), "--app", join(modules, name)], {
        env: { HOLDFAST_DATA: data },
      });
      expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining(`${name} starts a server.`) });
      // The port is free again: the server has ended with the command.
      const { url = "" } = /Listening on (?<url>\S+)/.exec(stderr)?.groups ?? {};
      await expect(fetch(url)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
    }
  });
});

describe("what is not stored", () => {
  test.each([
    [["events", "cart", "nobody"], 'Nothing is stored of cart "nobody".\n'],
    [["events", "crat", "u1"], 'Nothing is stored of crat "u1". Tenant "default" has: cart.\n'],
    [["events", "cart", "u1", "--tenant", "acme"], 'Tenant "acme" has no entity at all.\n'],
  ])("%j fails with exit code 1 and says what is", async (args, text) => {
    expect(await refused(args, 1)).toContain(text);
  });

  test.each([
    [["list", "crat"], 'Nothing is stored of crat. Tenant "default" has: cart.\n'],
    [["export", "--entity", "crat"], "0 events exported. The journal has: cart.\n"],
  ])("%j prints nothing, and says on standard error what is", async (args, stderr) => {
    expect(await runCli(args, { env: { HOLDFAST_DATA: data } })).toEqual({ code: 0, stdout: "", stderr });
  });
});
