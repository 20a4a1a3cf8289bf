import Module from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createCoreApi } from "./core-api.ts";
import type { Asked, Said } from "./rpc.ts";

// Runs a built function app, as Azure's worker for Node does: it gives the app the module that its registrations go to,
// loads what the app's package.json calls main, and lets the library convert what functions take and return.

const [, , folder = ""] = process.argv;
const say = (said: Said): void => void process.send?.(said);
const core = createCoreApi();

// As the worker does it, so that a bundle which loads here loads there.
// Source: Azure/azure-functions-nodejs-worker, src/setupCoreModule.ts
Module.prototype.require = new Proxy(Module.prototype.require, {
  apply: (load, module, [id, ...others]: [string]) =>
    id === "@azure/functions-core" ? core.api : (Reflect.apply(load, module, [id, ...others]) as unknown),
});

async function start(): Promise<void> {
  const { main } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { main?: string };
  if (main === undefined) throw new Error(`${folder}/package.json has no "main": the file that registers functions.`);
  await import(pathToFileURL(join(folder, main)).href);
  await core.started(folder);
  say({ ready: core.registered() });
}

async function run(asked: Exclude<Asked, { terminate: true }>): Promise<void> {
  try {
    say({ id: asked.id, returned: await core.invoke(asked) });
  } catch (error) {
    say({ id: asked.id, threw: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

async function terminate(): Promise<void> {
  await core.terminated();
  // What it has told its host arrives before its end.
  process.disconnect();
}

process.on("message", (asked: Asked) => void ("terminate" in asked ? terminate() : run(asked)));
// Ctrl-C reaches all processes of a terminal; it is for the host to say when this one ends.
process.on("SIGINT", () => {});
// It was told to end, or whoever started it is gone.
process.once("disconnect", () => process.exit());
await start();
