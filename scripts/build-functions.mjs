// Bundles the functions of functions/aws into <folder>/<name>/index.mjs, each with everything that it loads. The folder is
// the argument, or dist/deploy/aws.

import { rmSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const names = ["http", "queue", "stream"];
const folder = process.argv[2] ?? "dist/deploy/aws";
for (const name of names) rmSync(`${folder}/${name}`, { recursive: true, force: true });
for (const name of names) {
  await build({
    absWorkingDir: fileURLToPath(new URL("../", import.meta.url)),
    entryPoints: [{ in: `functions/aws/${name}.ts`, out: "index" }],
    outdir: resolve(folder, name),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    // What is imported when it is needed is a file of its own: nobody parses what is not.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minify: true,
    conditions: ["holdfast-source"],
    mainFields: ["module", "main"],
    // Some of the SDK's own dependencies are CommonJS.
    banner: {
      js: 'import { createRequire as holdfastRequire } from "node:module"; const require = holdfastRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
}
for (const name of names) {
  writeFileSync(`${folder}/${name}/package.json`, `${JSON.stringify({ type: "module" })}\n`);
  console.log(`${folder}/${name}/index.mjs ${Math.round(statSync(`${folder}/${name}/index.mjs`).size / 1024)} KiB`);
}
