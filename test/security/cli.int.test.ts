import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { root, runCli, shopData } from "../cli/run-cli.ts";

/** Somebody else: only root can be two users, and only where the other one may read these sources. */
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
const readable = ancestors(root).every((folder) => (statSync(folder).mode & 0o005) === 0o005);

function ancestors(folder: string): string[] {
  return dirname(folder) === folder ? [folder] : [folder, ...ancestors(dirname(folder))];
}

let above: string;
let data: string;

beforeAll(async () => {
  above = mkdtempSync(join(tmpdir(), "holdfast-security-"));
  chmodSync(above, 0o755);
  data = join(above, "data");
  mkdirSync(data, { mode: 0o700 });
  await shopData(data);
});

afterAll(() => rmSync(above, { recursive: true }));

test("who erases is written down by the name that the machine knows", async () => {
  expect(await runCli(["erase", "cart", "u1", "--data", data, "--yes"])).toMatchObject({ code: 0 });
  const { stdout } = await runCli(["events", "cart", "u1", "--data", data]);
  expect(stdout).toContain(`erased by cli:${userInfo().username}`);
});

describe.skipIf(!isRoot || !readable)("another user of the machine (skipped unless root can play one)", () => {
  const as = (uid: number, ...args: readonly string[]) => {
    const main = join(root, "src/cli/main.ts");
    const argv = ["--conditions=holdfast-source", main, ...args, "--data", data];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { uid, cwd: root, encoding: "utf8" });
    return { status, stdout, stderr };
  };

  test.each([
    [["events", "cart", "u1"]],
    [["list", "cart"]],
    [["export"]],
    [["erase", "cart", "u1", "--yes"]],
    [["send", "imports", "{}"]],
    [["dead-letters", "list"]],
    [["dead-letters", "drop", "--all", "--yes"]],
    [["replay", "--subscription", "payment"]],
  ])("cannot use %j: the file is not his", (args) => {
    const refused = {
      status: 2,
      stdout: "",
      stderr: expect.stringContaining("may not be read and written by this user"),
    };
    expect(as(nobody, ...args)).toEqual(refused);
    // Nor where the folder is open: the file has a mode of its own.
    chmodSync(data, 0o755);
    expect(as(nobody, ...args)).toEqual(refused);
    chmodSync(data, 0o700);
  });

  test("is what the test needs: the owner can use them", () => {
    expect(as(0, "list", "cart")).toEqual({ status: 0, stdout: "gone\nu1\n", stderr: "" });
  });
});
