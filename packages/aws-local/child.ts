import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Asked, FunctionName, Said } from "./functions.ts";

// Runs the bundled handlers, as Lambda's runtime would: an event and a context in, an answer or an error out.

type Handler = (event: unknown, context: object) => Promise<unknown>;

const [, , folder = ""] = process.argv;
const say = (said: Said): void => void process.send?.(said);
const names: readonly FunctionName[] = ["http", "queue", "stream"];
const handlers = new Map<FunctionName, Handler>();
for (const name of names) {
  const { handler } = (await import(pathToFileURL(join(folder, name, "index.mjs")).href)) as { handler: Handler };
  handlers.set(name, handler);
}

process.on("message", ({ id, name, event, seconds }: Asked) => {
  const until = Date.now() + seconds * 1_000;
  const context = {
    functionName: name,
    awsRequestId: `local-${id}`,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, until - Date.now()),
  };
  Promise.resolve(handlers.get(name)?.(event, context)).then(
    (answer) => say({ id, answer }),
    (error: unknown) => say({ id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }),
  );
});
// Whoever started it is gone.
process.once("disconnect", () => process.exit());
say({ ready: true });
