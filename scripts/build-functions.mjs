// Bundles the functions of functions/aws into <folder>/<name>/index.mjs, each with everything that it loads. The folder is
// the argument, or dist/deploy/aws; another one with functions may follow. What is in each bundle, as esbuild's metafile,
// is <folder>/<name>.json; it is not part of what is deployed.

import { rmSync, statSync, writeFileSync } from "node:fs";
import { bundle } from "./bundle.mjs";

const names = ["http", "queue", "stream"];
/**
 * Cron expressions are due in the queues' function alone; the other two have no calendar (croner). That an expression is
 * one, synth has seen, and the queues' function sees it at its start.
 */
const noCalendar = {
  name: "no-calendar",
  setup({ onLoad }) {
    onLoad({ filter: /\/core\/messaging\/cron\.ts$/ }, () => ({
      contents: `export function createSchedule(what) {
        const refuse = () => {
          throw new Error(what + " is asked for its schedule in a function that handles no queue.");
        };
        return { next: refuse, latest: refuse };
      }`,
    }));
  },
};

const [, , folder = "dist/deploy/aws", source = "functions/aws"] = process.argv;
for (const name of names) rmSync(`${folder}/${name}`, { recursive: true, force: true });
for (const name of names) {
  const metafile = await bundle(`${source}/${name}.ts`, `${folder}/${name}`, "index.mjs", {
    plugins: name === "queue" ? [] : [noCalendar],
  });
  writeFileSync(`${folder}/${name}.json`, JSON.stringify(metafile));
}
for (const name of names) {
  writeFileSync(`${folder}/${name}/package.json`, `${JSON.stringify({ type: "module" })}\n`);
  console.log(`${folder}/${name}/index.mjs ${Math.round(statSync(`${folder}/${name}/index.mjs`).size / 1024)} KiB`);
}
