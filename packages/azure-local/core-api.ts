import type { Asked, Registered, TypedData } from "./rpc.ts";

type Callback = (...args: readonly unknown[]) => unknown;

/** The library's part of an invocation. Source: @azure/functions 4, src/InvocationModel.ts */
interface InvocationModel {
  getArguments(): Promise<{ context: object; inputs: unknown[] }>;
  invokeFunction(context: object, inputs: unknown[], callback: Callback): Promise<unknown>;
  getResponse(context: object, result: unknown): Promise<{ returnValue?: TypedData | null }>;
}

interface ProgrammingModel {
  getInvocationModel(invocation: object): InvocationModel;
  getCapabilities(capabilities: object): Promise<{ HttpUri?: string }>;
}

interface Disposable {
  dispose(): void;
}

/** `@azure/functions-core`, which no registry has: it is part of the worker. */
interface CoreApi {
  readonly version: string;
  readonly hostVersion: string;
  registerHook(name: string, callback: Callback): Disposable;
  registerFunction(metadata: Registered, callback: Callback): Disposable;
  setProgrammingModel(model: ProgrammingModel): void;
  getProgrammingModel(): ProgrammingModel | undefined;
  log(level: string, category: string, message: string): void;
  readonly Disposable: new (callback: () => void) => Disposable;
}

export interface Core {
  readonly api: CoreApi;
  /** Runs the hooks of the app's start, after its main file has registered everything. */
  started(folder: string): Promise<void>;
  registered(): readonly Registered[];
  /** What the function has returned, as the library hands it to the host. @throws what the function throws */
  invoke(asked: Exclude<Asked, { terminate: true }>): Promise<TypedData | undefined>;
  /** Runs the hooks of the app's end. */
  terminated(): Promise<void>;
}

/** Levels that are not worth a line. */
const quiet: ReadonlySet<string> = new Set(["trace", "debug"]);

export function createCoreApi(): Core {
  const hooks = new Map<string, Callback[]>([
    ["appStart", []],
    ["appTerminate", []],
  ]);
  const functions = new Map<string, { readonly metadata: Registered; readonly callback: Callback }>();
  const hookData = {};
  let model: ProgrammingModel | undefined;
  let isStarted = false;

  const log: CoreApi["log"] = (level, category, message) => {
    if (category === "user" ? !quiet.has(level) : level === "error" || level === "critical") console.log(message);
  };

  async function runHooks(name: string, context: object): Promise<void> {
    for (const callback of hooks.get(name) ?? []) await callback(context);
  }

  function theModel(): ProgrammingModel {
    if (model === undefined) throw new Error("The app has registered no function with @azure/functions 4.");
    return model;
  }

  // The one class that the module's users call with `new`.
  const Disposable = function (this: Disposable, callback: () => void): void {
    this.dispose = callback;
  } as unknown as CoreApi["Disposable"];

  const api: CoreApi = {
    version: "3.13.0",
    hostVersion: "4.1046.0",
    Disposable,
    log,
    registerHook(name, callback) {
      const some = hooks.get(name);
      if (some === undefined) throw new Error(`Hook "${name}" does not run here; ${[...hooks.keys()].join(", ")} do.`);
      some.push(callback);
      return new Disposable(() => void some.splice(some.indexOf(callback), 1));
    },
    registerFunction(metadata, callback) {
      if (isStarted) throw new Error(`"${metadata.name}" is registered after the app has started.`);
      if (functions.has(metadata.name)) throw new Error(`"${metadata.name}" is registered twice.`);
      functions.set(metadata.name, { metadata, callback });
      return new Disposable(() => void functions.delete(metadata.name));
    },
    setProgrammingModel(given) {
      model = given;
    },
    getProgrammingModel: () => model,
  };

  return {
    api,
    async started(folder) {
      const { HttpUri } = await theModel().getCapabilities({});
      if (HttpUri !== undefined) throw new Error("app.setup({ enableHttpStream: true }) does not work here.");
      isStarted = true;
      await runHooks("appStart", { hookData, functionAppDirectory: folder });
    },
    // As data: what it goes through knows no functions.
    registered: () =>
      JSON.parse(JSON.stringify([...functions.values()].map(({ metadata }) => metadata))) as Registered[],
    async invoke({ id, name, ...input }) {
      const found = functions.get(name);
      if (found === undefined) throw new Error(`There is no function "${name}".`);
      const { metadata, callback } = found;
      const invocation = theModel().getInvocationModel({
        invocationId: id,
        request: { invocationId: id, functionId: name, ...input },
        metadata: { name, bindings: metadata.bindings },
        log,
      });
      const { context, inputs } = await invocation.getArguments();
      const result = await invocation.invokeFunction(context, inputs, callback);
      return (await invocation.getResponse(context, result)).returnValue ?? undefined;
    },
    terminated: () => runHooks("appTerminate", { hookData }),
  };
}
