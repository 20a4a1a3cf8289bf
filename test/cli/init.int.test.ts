import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { root, runCli } from "./run-cli.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "holdfast-init-"));
});

afterEach(() => rm(folder, { recursive: true }));

const init = (...args: readonly string[]) => runCli(["init", ...args], { cwd: folder });

const files = [
  ".gitignore",
  "README.md",
  "functions/app.ts",
  "functions/local.ts",
  "package.json",
  "src/holdfast.ts",
  "src/order.ts",
  "src/product.ts",
  "src/sales.ts",
  "test/app.test.ts",
  "tsconfig.json",
];

async function filesIn(path: string): Promise<readonly string[]> {
  const found = await readdir(path, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(path.length + 1))
    .toSorted();
}

describe("init", () => {
  test("makes a project in a new folder, named after it", async () => {
    const { code, stdout, stderr } = await init("shops/my-shop");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(
      `Made ${files.join(", ")}.\n\nNext, as its README says:\n\n  cd shops/my-shop\n  npm install\n  npm test\n  npm start\n`,
    );
    const project = join(folder, "shops/my-shop");
    expect(await filesIn(project)).toEqual(files);
    expect(await readFile(join(project, "README.md"), "utf8")).toMatch(/^# my-shop\n/);
    for (const file of files) expect(await readFile(join(project, file), "utf8"), file).not.toContain("{{");
  });

  test("names the versions that this Holdfast is tested with", async () => {
    await init("shop", "--name", "@acme/shop");
    const own = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
      version: string;
      devDependencies: Record<string, string>;
    };
    const made = JSON.parse(await readFile(join(folder, "shop/package.json"), "utf8")) as object;
    const tested = (...names: readonly string[]) => names.map((name) => [name, `^${own.devDependencies[name]}`]);
    expect(made).toMatchObject({
      name: "@acme/shop",
      private: true,
      type: "module",
      dependencies: { holdfast: `^${own.version}`, ...Object.fromEntries(tested("zod")) },
      devDependencies: Object.fromEntries(tested("@types/node", "typescript", "vitest")),
    });
    expect(JSON.stringify(made)).not.toContain("undefined");
  });

  test("uses this folder if none is named, also where there is a repository already", async () => {
    await mkdir(join(folder, ".git"));
    const { code, stdout } = await init("--name", "here");
    expect(code).toBe(0);
    expect(stdout).not.toContain("cd ");
    expect(await filesIn(folder)).toEqual(files);
  });

  test("refuses a folder that is not empty, and writes nothing", async () => {
    await mkdir(join(folder, "used"));
    await writeFile(join(folder, "used/notes.txt"), "x");
    for (const name of ["used", "used/notes.txt"]) {
      const { code, stdout, stderr } = await init(name, "--name", "x");
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(name === "used" ? /^The folder used is not empty: it has notes.txt/ : /cannot be used/);
    }
    expect(await filesIn(folder)).toEqual(["used/notes.txt"]);
  });

  test.each([
    [["My-Shop"], "The folder's name \"My-Shop\" is no package's."],
    [["holdfast"], "no name of a package that it uses"],
    [["shop", "--name", "../x"], "'--name <name>' argument '../x' is invalid"],
    [["shop", "--name", "zod"], "no name of a package that it uses"],
    [["shop", "--name", ""], "'--name <name>' argument '' is invalid"],
    [["shop", "other"], "too many arguments"],
  ])("refuses %j, and writes nothing", async (args, text) => {
    const { code, stdout, stderr } = await init(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(text);
    expect(await readdir(folder)).toEqual([]);
  });
});
