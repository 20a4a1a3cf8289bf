import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { startServer } from "../crash/server.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);

interface Block {
  /** What stands behind the three backticks. */
  readonly language: string;
  readonly text: string;
}

async function pages(): Promise<readonly string[]> {
  const found = await readdir(join(root, "docs"), { recursive: true });
  const docs = found.filter((name) => name.endsWith(".md")).map((name) => join("docs", name));
  return ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", ...docs.toSorted()];
}

async function blocks(page: string): Promise<readonly Block[]> {
  const text = await readFile(join(root, page), "utf8");
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? "",
    text: match[2] ?? "",
  }));
}

describe("docs", () => {
  test("every code block of every page type-checks, page by page, as one program", { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(root, "test/docs/.generated-"));
    try {
      let programs = 0;
      for (const page of await pages()) {
        const code = (await blocks(page)).filter(({ language }) => language === "ts").map(({ text }) => text);
        if (code.length === 0) continue;
        programs++;
        const file = join(folder, page.replaceAll(/[/\\]/g, "-").replace(/\.md$/, ".ts"));
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, code.join("\n"));
      }
      const config = join(folder, "tsconfig.json");
      await writeFile(config, JSON.stringify({ extends: "../../../tsconfig.json", include: ["*.ts"], exclude: [] }));
      const { stdout } = await run(process.execPath, [
        resolve(root, "node_modules/typescript/bin/tsc"),
        "--noEmit",
        "--project",
        config,
      ]).catch((error: { stdout: string }) => error);
      expect(stdout).toBe("");
      expect(programs).toBeGreaterThanOrEqual(4);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("no block is of a kind that nobody looks at", async () => {
    const languages = new Set<string>();
    for (const page of await pages()) for (const { language } of await blocks(page)) languages.add(language);
    // `ts` is type-checked, `ts coming` is announced as not there yet, `sh` is run below or needs no proof (npm, git).
    expect([...languages].filter((language) => !["ts", "ts coming", "sh", ""].includes(language))).toEqual([]);
  });

  test("every link between pages leads somewhere", async () => {
    for (const page of await pages()) {
      const text = await readFile(join(root, page), "utf8");
      for (const [, target = ""] of text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const file = join(root, dirname(page), target);
        await expect(run("ls", [file]), `${page} links to ${target}`).resolves.toBeDefined();
      }
    }
  });

  test("every link of a page that is packed leads to what is packed too", async () => {
    const { files } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { files: readonly string[] };
    const isPacked = (file: string) => files.some((entry) => file === entry || file.startsWith(`${entry}/`));
    const packed = (await pages()).filter(isPacked);
    expect(packed).toContain("README.md");
    for (const page of packed) {
      const text = await readFile(join(root, page), "utf8");
      const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = ""]) => target);
      const files = links.filter((target) => !/^[a-z]+:/.test(target)).map((target) => join(dirname(page), target));
      expect(
        files.filter((file) => !isPacked(file)),
        page,
      ).toEqual([]);
    }
  });
});

test("the program of the simulation guide runs, and reports its worlds", { timeout: 120_000 }, async () => {
  const file = join(root, "test/docs/.generated-simulation.ts");
  try {
    const code = (await blocks("docs/guide/simulation.md")).filter(({ language }) => language === "ts");
    await writeFile(file, code.map(({ text }) => text).join("\n"));
    const { stdout } = await run(process.execPath, ["--conditions=holdfast-source", file]);
    expect(stdout).toMatch(/^50 worlds, \d{4,} requests, \d+ crashes$/m);
  } finally {
    await rm(file, { force: true });
  }
});

describe("the README's session", () => {
  test("the curl commands do what the text says, across kill -9 and a restart", { timeout: 60_000 }, async () => {
    const curls = (await blocks("README.md")).find(({ text }) => text.startsWith("curl -i"))?.text ?? "";
    const data = await mkdtemp(join(tmpdir(), "holdfast-readme-"));
    const shell = (url: string) =>
      run("sh", ["-c", curls.replaceAll("localhost:8080", url.replace("http://", ""))]).then(({ stdout }) => stdout);
    let server = await startServer(data);
    try {
      const first = await shell(server.url);
      expect(first.match(/HTTP\/1.1 204/g)).toHaveLength(2);
      expect(first.match(/idempotency-replayed: true/gi)).toHaveLength(1);
      expect(first).toContain('{"items":[{"productId":"A-1","name":"Anchor","quantity":2}],"checkedOut":false}');
      await server.kill();
      server = await startServer(data);
      const again = await shell(server.url);
      expect(again.match(/idempotency-replayed: true/gi)).toHaveLength(2);
      expect(again).toContain('"quantity":2');
    } finally {
      await server.kill();
      await rm(data, { recursive: true });
    }
  });

  test("npm start prints the same command to try, with its own address", { timeout: 30_000 }, async () => {
    const data = await mkdtemp(join(tmpdir(), "holdfast-start-"));
    const child = spawn(process.execPath, ["--conditions=holdfast-source", "functions/local.ts"], {
      cwd: root,
      env: { ...process.env, PORT: "0", HOLDFAST_DATA: data },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let text = "";
    for await (const chunk of child.stderr) {
      text += String(chunk);
      if (text.includes("openapi.json")) break;
    }
    child.kill("SIGKILL");
    const { url } = /(?<url>http:\/\/127\.0\.0\.1:\d+)/.exec(text)?.groups ?? {};
    expect(text).toContain(`curl -i ${url}/api/cart/u1/addItem`);
    await rm(data, { recursive: true });
  });
});
