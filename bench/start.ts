import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { request as send } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { repository } from "./folder.ts";
import { median, type Bench, type Benchmark } from "./harness.ts";
import { itemOf } from "./workload.ts";

/** `npm start` until a command has been answered: the process, an empty database, the port, `/healthz`, the shop. */
export const start: Benchmark = {
  name: "start",
  async run(bench) {
    const what = "start to first answered command";
    const times: number[] = [];
    for (let round = 1; round <= bench.rounds; round++) {
      bench.progress(`${what}: round ${round} of ${bench.rounds}`);
      times.push(await startOnce(bench, round));
    }
    return [{ name: what, value: median(times), unit: "ms", ratio: null, against: null, bound: { ceiling: 1_000 } }];
  },
};

async function startOnce(bench: Bench, round: number): Promise<number> {
  const port = await freePort();
  const data = join(bench.folder, `start-${round}`);
  mkdirSync(data);
  const from = performance.now();
  const child = spawn(process.execPath, ["--conditions=holdfast-source", "functions/local.ts"], {
    cwd: repository,
    env: { ...process.env, PORT: String(port), HOLDFAST_DATA: data },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = once(child, "exit");
  try {
    while ((await request(port, "GET", "/healthz")) !== 200) {
      if (child.exitCode !== null) throw new Error(`functions/local.ts has ended:\n${errors}`);
      if (performance.now() - from > 30_000) throw new Error(`functions/local.ts does not answer:\n${errors}`);
      await sleep(5);
    }
    const status = await request(port, "POST", "/api/cart/first/addItem", itemOf(0));
    if (status !== 200 && status !== 204) throw new Error(`The first command was answered with ${status}.`);
    return performance.now() - from;
  } finally {
    child.kill("SIGTERM");
    await ended;
  }
}

/** The answer's status; `undefined` while nobody listens. */
function request(port: number, method: string, path: string, body?: object): Promise<number | undefined> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/json" };
    const sent = send({ port, host: "127.0.0.1", method, path, headers, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    sent.on("error", () => resolve(undefined)).end(body && JSON.stringify(body));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("No free port was found.");
  return address.port;
}

/** What `import "holdfast"` takes, and what it brings along. */
export const importRoot: Benchmark = {
  name: "import",
  async run(bench) {
    const built = existsSync(join(repository, "dist", "index.js"));
    const what = `import "holdfast", from ${built ? "dist" : "source"}`;
    const node = (program: string): unknown => {
      const conditions = built ? [] : ["--conditions=holdfast-source"];
      const args = [...conditions, "--input-type=module", "--eval", program];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: repository, encoding: "utf8" });
      if (status !== 0) throw new Error(`node could not run ${JSON.stringify(program)}:\n${stderr}`);
      return JSON.parse(stdout);
    };
    const times: number[] = [];
    for (let round = 1; round <= bench.rounds; round++) {
      bench.progress(`${what}: round ${round} of ${bench.rounds}`);
      // Each program prints a number.
      for (let i = 0; i < bench.rounds; i++) times.push(node(timeImport) as number);
    }
    // An array of strings, as the program prints it.
    const urls = node(listModules) as readonly string[];
    const packages = urls.filter((url) => url.includes("/node_modules/")).length;
    const row = { ratio: null, against: null, bound: null };
    return [
      { ...row, name: what, value: median(times), unit: "ms" },
      { ...row, name: "modules behind it", value: urls.length, unit: "modules" },
      { ...row, name: "of these from npm packages", value: packages, unit: "modules", bound: { ceiling: 1 } },
    ];
  },
};

/** An empty module first, of TypeScript: what Node itself loads for a first import is not counted. */
const timeImport = `
  await import("./bench/children/empty.ts");
  const empty = performance.now();
  await import("holdfast");
  console.log(performance.now() - empty);
`;

const listModules = `
  import { registerHooks } from "node:module";
  const urls = [];
  registerHooks({ load: (url, context, next) => (url.startsWith("file:") && urls.push(url), next(url, context)) });
  await import("holdfast");
  console.log(JSON.stringify(urls));
`;
