import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { root } from "../cli/run-cli.ts";

// Their programs end by themselves, and check what they say.
test.each(["messages", "testing", "workflows"])("the program of docs/guide/%s.md runs", async (page) => {
  const text = await readFile(join(root, "docs/guide", `${page}.md`), "utf8");
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
  expect(blocks.length).toBeGreaterThanOrEqual(3);
  expect(blocks.some((block) => block.includes("deepStrictEqual("))).toBe(true);
  // Within the repository, so that `holdfast` and zod resolve.
  const file = join(root, `test/docs/.generated-${page}.ts`);
  try {
    await writeFile(file, blocks.join("\n"));
    await promisify(execFile)(process.execPath, ["--conditions=holdfast-source", file], { timeout: 20_000 });
  } finally {
    await rm(file);
  }
});
