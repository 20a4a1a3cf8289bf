// What users get: the package is built and packed in a temporary copy, installed into an empty project and used there,
// under plain Node and by the compiler, with none of this repository's settings.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

interface Manifest {
  readonly peerDependencies: { readonly [name: string]: string };
  readonly name: string;
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const root = resolve(import.meta.dirname, "../..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
/** "holdfast", "holdfast/local", ... */
const specifiers = Object.keys(manifest.exports).map((subpath) => manifest.name + subpath.slice(1));

const work = mkdtempSync(join(tmpdir(), "holdfast-package-"));
const stage = join(work, "stage");
const consumer = join(work, "consumer");
const tarball = join(work, `${manifest.name}-${manifest.version}.tgz`);
const installed = join(consumer, "node_modules", manifest.name);
let files: readonly string[] = [];

/** Prints as JSON the URL of every module that importing `process.argv[2]` loads, builtins included. */
const probe = `
  import { registerHooks } from "node:module";
  const urls = [];
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      urls.push(found.url);
      return found;
    },
  });
  await import(process.argv[2]);
  console.log(JSON.stringify(urls));
`;

/** A user's program after the guide's first page. */
const program = `
  import { accept, holdfast, reject } from "holdfast";
  import * as z from "zod";
  ${specifiers.map((specifier, index) => `import * as part${index} from "${specifier}";`).join("\n")}

  const h = holdfast<{ readonly greeting: string }>();

  export const counter = h
    .entity("counter", {
      initial: () => ({ count: 0 }),
      events: { raised: z.object({ by: z.int() }) },
      evolve: { raised: (state, { by }) => ({ count: state.count + by }) },
    })
    .command("raise", {
      input: z.object({ by: z.int() }),
      decide: (state, { by }, { events }) =>
        state.count + by > 100
          ? reject("too-high", "The counter ends at 100.")
          : accept([events.raised({ by })], { reply: { count: state.count + by } }),
    })
    .command("reset", {
      // @ts-expect-error an event has the data that its schema says
      decide: (state, _input, { events }) => events.raised({ by: String(state.count) }),
    });

  export default h.app({ entities: [counter] });
  export const parts: readonly object[] = [${specifiers.map((_, index) => `part${index}`).join(", ")}];
`;

const tsconfig = {
  compilerOptions: {
    target: "es2023",
    lib: ["es2023"],
    module: "nodenext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    noEmit: true,
  },
  files: ["program.ts"],
};

/** Runs a command outside of this repository's conditions and returns what it prints. */
function run(cwd: string, file: string, ...args: string[]): string {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const shell = file === "npm" && process.platform === "win32";
  const { status, stdout, stderr } = spawnSync(file, args, { cwd, env, encoding: "utf8", shell });
  if (status !== 0) throw new Error(`${file} ${args.join(" ")} ended with ${status}:\n${stdout}\n${stderr}`);
  return stdout;
}

function loadedBy(specifier: string): readonly string[] {
  return JSON.parse(run(consumer, process.execPath, "probe.mjs", specifier)) as string[];
}

beforeAll(() => {
  mkdirSync(stage);
  for (const name of [
    "package.json",
    "LICENSE",
    "README.md",
    "src",
    "template",
    "tsconfig.json",
    "tsconfig.build.json",
  ]) {
    cpSync(join(root, name), join(stage, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(stage, "node_modules"), "junction");
  // prepack builds dist/ first.
  run(stage, "npm", "pack", "--pack-destination", work);

  mkdirSync(consumer);
  writeFileSync(join(consumer, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module" }));
  run(consumer, "npm", "install", "--prefer-offline", "--no-audit", "--no-fund", tarball);
  files = readdirSync(installed, { recursive: true, withFileTypes: true, encoding: "utf8" })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(installed.length + 1)
        .replaceAll("\\", "/"),
    );

  writeFileSync(join(consumer, "probe.mjs"), probe);
  writeFileSync(join(consumer, "program.ts"), program);
  writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify(tsconfig));
  for (const name of ["zod", "@types/node", ...Object.keys(manifest.peerDependencies)]) {
    mkdirSync(dirname(join(consumer, "node_modules", name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(consumer, "node_modules", name), "junction");
  }
}, 180_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe("the packed tarball", () => {
  test("holds the build, its sources, the template and nothing else", () => {
    expect(files).toContain("LICENSE");
    expect(files).toContain("README.md");
    expect(files.filter((file) => !/^(dist|src|template)\//.test(file)).toSorted()).toEqual([
      "LICENSE",
      "README.md",
      "package.json",
    ]);
    const tests = files.filter((file) => /(^|\/)(test|bench|examples|fixtures)\/|\.(test|test-d|spec)\./.test(file));
    expect(tests).toEqual(["template/test/app.test.ts"]);
  });

  test("has every file that its exports and its bin name", () => {
    const named = [
      ...Object.values(manifest.exports).flatMap((conditions) => Object.values(conditions)),
      ...Object.values(manifest.bin),
    ];
    expect(named.length).toBeGreaterThan(specifiers.length);
    expect(named.map((file) => file.replace(/^\.\//, "")).filter((file) => !files.includes(file))).toEqual([]);
  });

  test("has no helper of the compiler's", () => {
    const scripts = files.filter((file) => /^dist\/.*\.js$/.test(file));
    expect(scripts.length).toBeGreaterThan(0);
    const helped = scripts.filter((file) => /^var __\w+ =/m.test(readFileSync(join(installed, file), "utf8")));
    expect(helped).toEqual([]);
  });

  test("has no map that points nowhere", () => {
    const maps = files.filter((file) => file.endsWith(".map"));
    expect(maps.length).toBeGreaterThan(0);
    const broken = maps.filter((map) => {
      const { sources } = JSON.parse(readFileSync(join(installed, map), "utf8")) as { sources: string[] };
      return sources.length === 0 || sources.some((source) => !existsSync(resolve(installed, dirname(map), source)));
    });
    expect(broken).toEqual([]);
  });
});

describe("the installed package", () => {
  test.each(specifiers)("imports %s under plain Node, from its build", (specifier) => {
    const own = loadedBy(specifier).filter((url) => url.includes(`/node_modules/${manifest.name}/`));
    expect(own.length).toBeGreaterThan(0);
    expect(own.filter((url) => !url.includes(`/node_modules/${manifest.name}/dist/`))).toEqual([]);
  });

  test("loads nothing but itself, croner and two of Node's modules when the root is imported", () => {
    const foreign = loadedBy(manifest.name).filter(
      (url) => !url.includes(`/node_modules/${manifest.name}/`) && !url.endsWith("/probe.mjs"),
    );
    const light = foreign.filter((url) => !url.endsWith("/node_modules/croner/dist/croner.js"));
    expect(light.filter((url) => !["node:buffer", "node:crypto"].includes(url))).toEqual([]);
  });

  test("loads no OpenTelemetry with the local host, before an SDK was started", () => {
    expect(loadedBy(`${manifest.name}/local`).filter((url) => url.includes("opentelemetry"))).toEqual([]);
    expect(loadedBy(`${manifest.name}/telemetry`).some((url) => url.includes("/@opentelemetry/api/"))).toBe(true);
  });

  test("would be caught if it loaded hono, pino or SQLite", () => {
    writeFileSync(join(consumer, "heavy.mjs"), `import "hono"; import "pino"; import "node:sqlite";`);
    const urls = loadedBy("./heavy.mjs").join("\n");
    expect(urls).toMatch(/\/node_modules\/hono\//);
    expect(urls).toMatch(/\/node_modules\/pino\//);
    expect(urls).toMatch(/^node:sqlite$/m);
  });

  test("starts its command-line tool", () => {
    const tool = manifest.bin["holdfast"] ?? "";
    expect(run(consumer, process.execPath, join(installed, tool), "--help")).toMatch(/usage/i);
    expect(existsSync(join(consumer, "node_modules/.bin/holdfast"))).toBe(true);
  });

  test.each([[], ["--no-experimental-strip-types"]])("reads an app in TypeScript under node %s", (...flags) => {
    writeFileSync(join(consumer, "app.ts"), program);
    const tool = join(installed, manifest.bin["holdfast"] ?? "");
    const { entities } = JSON.parse(run(consumer, process.execPath, ...flags, tool, "manifest")) as {
      entities: object;
    };
    expect(Object.keys(entities)).toEqual(["counter"]);
  });

  test("type-checks in a user's program, declarations included", () => {
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    // An error ends it with a code other than 0, with which `run` throws.
    const read = run(consumer, process.execPath, tsc, "-p", ".", "--listFiles");
    expect(read).toContain(`/node_modules/${manifest.name}/dist/index.d.ts`);
    expect(read).not.toContain(`/node_modules/${manifest.name}/src/`);
  });
});

describe("a new project", () => {
  const project = join(work, "my-shop");
  /** The README's blocks of commands: install and test, start, two orders, a look. */
  const blocks = () => {
    const readme = readFileSync(join(project, "README.md"), "utf8");
    return [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands = ""]) => commands.trim());
  };
  const shell = (commands: string) => run(project, "sh", "-ec", commands);

  test("is made by the tool, and does what its README says", { timeout: 180_000 }, async () => {
    run(work, process.execPath, join(installed, manifest.bin["holdfast"] ?? ""), "init", "my-shop");
    // As long as this version is not in the registry.
    const file = join(project, "package.json");
    const made = JSON.parse(readFileSync(file, "utf8")) as { dependencies: Record<string, string> };
    made.dependencies["holdfast"] = `file:${tarball}`;
    writeFileSync(file, JSON.stringify(made));

    const [install = "", start = "", orders = "", look = ""] = blocks();
    expect(start).toBe("npm start");
    shell(install.replace("npm install", "npm install --prefer-offline --no-audit --no-fund"));
    shell("npm run types");
    const { server, url } = await startProject();
    try {
      const here = (commands: string) => shell(commands.replaceAll("localhost:8080", url.replace("http://", "")));
      const answers = here(orders);
      expect(answers.match(/HTTP\/1.1 204/g)).toHaveLength(2);
      expect(answers.match(/idempotency-replayed: true/gi)).toHaveLength(1);
      await expect.poll(() => here(look), { timeout: 10_000 }).toBe('{"sold":2}');
    } finally {
      // With npm's shell between: the group.
      if (server.pid !== undefined) process.kill(-server.pid);
    }
  });

  /** `npm start`, on any port. */
  async function startProject(): Promise<{ readonly server: ChildProcess; readonly url: string }> {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const server = spawn("npm", ["start"], {
      cwd: project,
      env: { ...env, PORT: "0", HOLDFAST_LOG: "error" },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let text = "";
    for await (const chunk of server.stderr) {
      text += String(chunk);
      const { url } = /Listening on (?<url>\S+)/.exec(text)?.groups ?? {};
      if (url !== undefined) return { server, url };
    }
    throw new Error(`npm start ended: ${text}`);
  }
});
