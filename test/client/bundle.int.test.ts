import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

const bytesMax = 4_000;

/** What a page gets that calls one command. */
async function bundle(contents: string): Promise<{ readonly text: string; readonly inputs: readonly string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, loader: "ts", resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    conditions: ["holdfast-source"],
    write: false,
    metafile: true,
  });
  return { text: outputFiles[0]?.text ?? "", inputs: Object.keys(metafile.inputs) };
}

test("in a browser the client is under 4,000 bytes gzipped, and nothing of the server comes with it", async () => {
  const { text, inputs } = await bundle(`
    import { client } from "holdfast/client";
    import type { app } from "./app.ts";
    const shop = client<typeof app>({ url: "" });
    await shop.cart("u1").addItem({ sku: "A-1" });
  `);
  const bytes = gzipSync(text, { level: 9 }).length;
  expect(bytes).toBeLessThan(bytesMax);
  expect(bytes).toBeGreaterThan(1_000);
  expect(inputs.filter((file) => file !== "<stdin>" && !file.startsWith("src/client/"))).toEqual([]);
  expect(inputs.length).toBeGreaterThan(5);
  expect(text).not.toMatch(/\b(?:Buffer|process|require|node:)\b/);
});

test("the test would notice server code", async () => {
  const { inputs } = await bundle(`
    import { client } from "holdfast/client";
    import { parseJson } from "../../src/core/json.ts";
    console.log(client, parseJson);
  `);
  expect(inputs).toContain("src/core/json.ts");
});
