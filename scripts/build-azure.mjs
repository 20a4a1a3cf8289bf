// Bundles functions/azure/main.ts into <folder>: a function app as it is deployed, without node_modules. The folder is the
// argument, or dist/deploy/azure/app; another main file may follow. What is in the bundle, as esbuild's metafile, is
// <folder>.json; it is not part of what is deployed.

import { copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

// The worker reads `main` as the name of one file.
const main = "dist/functions/azure/main.js";

const [, , folder = "dist/deploy/azure/app", source = "functions/azure/main.ts"] = process.argv;
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
// The worker itself has the module in which functions are registered.
const metafile = await bundle(source, join(folder, dirname(main)), basename(main), {
  external: ["@azure/functions-core"],
});
writeFileSync(`${folder.replace(/\/+$/, "")}.json`, JSON.stringify(metafile));
writeFileSync(join(folder, "package.json"), `${JSON.stringify({ type: "module", main })}\n`);
copyFileSync(fileURLToPath(new URL("../host.json", import.meta.url)), join(folder, "host.json"));
console.log(`${join(folder, main)} ${Math.round(statSync(join(folder, main)).size / 1024)} KiB`);
