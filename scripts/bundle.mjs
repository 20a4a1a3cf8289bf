// What the scripts that bundle functions have in common.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/**
 * Bundles one entry, with everything that it loads, into `<folder>/<out>`: ES modules for Node 24, made small. Resolves to
 * esbuild's metafile.
 */
export async function bundle(source, folder, out, { plugins = [], external = [] } = {}) {
  const [, name, extension] = /^(.*)(\.m?js)$/.exec(out);
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(new URL("../", import.meta.url)),
    entryPoints: [{ in: source, out: name }],
    outdir: resolve(folder),
    outExtension: { ".js": extension },
    bundle: true,
    // What is imported when it is needed is a file of its own: nobody parses what is not.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minify: true,
    // Without "module", which is esbuild's own default, half of the SDK comes as CommonJS, of which nothing is left out.
    conditions: ["holdfast-source", "module"],
    mainFields: ["module", "main"],
    plugins,
    external,
    metafile: true,
    // Some of the SDK's own dependencies are CommonJS.
    banner: {
      js: 'import { createRequire as holdfastRequire } from "node:module"; const require = holdfastRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  return metafile;
}
