import Module from "node:module";
import { createCoreApi, type Core } from "../../../packages/azure-local/core-api.ts";

// The module that only Azure's worker has, for functions that are registered in this process: each test has a worker of
// its own, though the library asks for the module only once.

let current = createCoreApi();

const api = new Proxy(current.api, { get: (_first, name) => Reflect.get(current.api, name) as unknown });

Module.prototype.require = new Proxy(Module.prototype.require, {
  apply: (load, module, [id, ...others]: [string]) =>
    id === "@azure/functions-core" ? api : (Reflect.apply(load, module, [id, ...others]) as unknown),
});

/** A worker that functions are registered with from now on. */
export function startWorker(): Core {
  const before = current;
  current = createCoreApi();
  const model = before.api.getProgrammingModel();
  if (model) current.api.setProgrammingModel(model);
  return current;
}
