#!/usr/bin/env node
import { readFileSync } from "node:fs";
import module from "node:module";

// Nothing of ours is imported statically: an old Node would fail in there before it could say what it lacks.
const { version, engines } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  readonly version: string;
  readonly engines: { readonly node: string };
};

// Asked by feature: 23.0 to 23.3 are newer than the oldest that will do, and lack it.
if (module.isBuiltin?.("node:sqlite")) {
  const { run } = await import("./run.ts");
  await run(version);
} else {
  process.stderr.write(
    `Holdfast needs Node ${engines.node} with node:sqlite, and this is Node ${process.versions.node} (${process.execPath}). Install a newer one: https://nodejs.org\n`,
  );
  process.exitCode = 1;
}
