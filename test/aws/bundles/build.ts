import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The functions of a deployment. */
export const names = ["http", "stream", "queue"] as const;
export type Name = (typeof names)[number];

/**
 * `holdfast`: what `npm run build:functions` makes. `same`: bare handlers with the same SDK clients, made by the same
 * script. `usual`: those as esbuild bundles them unless it is told more, one file each.
 */
export const kinds = ["holdfast", "same", "usual"] as const;
export type Kind = (typeof kinds)[number];

const root = fileURLToPath(new URL("../../../", import.meta.url));
const bare = "test/aws/bundles/bare";

/** Builds bundles into `<folder>/<kind>/<name>/index.mjs`. */
export async function buildAll(folder: string, wanted: readonly Kind[] = kinds): Promise<void> {
  const script = (kind: Kind, ...source: string[]): void =>
    void execFileSync(process.execPath, ["scripts/build-functions.mjs", join(folder, kind), ...source], { cwd: root });
  if (wanted.includes("holdfast")) script("holdfast");
  if (wanted.includes("same")) script("same", bare);
  if (!wanted.includes("usual")) return;
  for (const name of names) {
    const outdir = join(folder, "usual", name);
    await build({
      absWorkingDir: root,
      entryPoints: [{ in: `${bare}/${name}.ts`, out: "index" }],
      outdir,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      minify: true,
      format: "esm",
      platform: "node",
      target: "node24",
      banner: { js: 'import { createRequire as r } from "node:module"; const require = r(import.meta.url);' },
      logLevel: "warning",
    });
    mkdirSync(outdir, { recursive: true });
    writeFileSync(join(outdir, "package.json"), '{"type":"module"}\n');
  }
}

/** The entry of a bundle. */
export function entryOf(folder: string, kind: Kind, name: Name): string {
  return join(folder, kind, name, "index.mjs");
}
