import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

// Imports a bundle as Lambda's runtime does. `time` says how long that took; `files` which files it has loaded; `answer` what
// the handler says to an event.

const [, , what, file = "", event = "null"] = process.argv;
const url = pathToFileURL(file).href;
const folder = new URL("./", url).href;
const files: string[] = [];

if (what !== "time") {
  registerHooks({
    load(loaded, context, next) {
      if (loaded.startsWith(folder)) files.push(loaded.slice(folder.length));
      return next(loaded, context);
    },
  });
}
const usedBefore = process.cpuUsage();
const from = performance.now();
const { handler } = (await import(url)) as { handler: (event: unknown, context: object) => Promise<unknown> };
const until = performance.now();
const { user, system } = process.cpuUsage(usedBefore);

/** Whether Node has loaded `fetch` and its classes. */
const hasFetch = (): boolean =>
  (process as typeof process & { readonly moduleLoadList: readonly string[] }).moduleLoadList.some((name) =>
    name.endsWith("internal/deps/undici/undici"),
  );

if (what === "time") {
  console.log(JSON.stringify({ importMs: until - from, cpuMs: (user + system) / 1_000, sinceStartMs: until }));
} else if (what === "files") {
  console.log(JSON.stringify({ files, hasFetch: hasFetch() }));
} else {
  const context = { awsRequestId: "request-1", getRemainingTimeInMillis: () => 30_000 };
  const answer = await handler(JSON.parse(event), context);
  console.log(JSON.stringify({ files, hasFetch: hasFetch(), answer }));
}
process.exit();
