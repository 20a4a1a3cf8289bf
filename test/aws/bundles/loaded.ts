import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import { environment } from "../lambda/environment.ts";

const child = fileURLToPath(new URL("./child.ts", import.meta.url));

const env = {
  ...environment,
  AWS_REGION: "eu-central-1",
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  // Nobody listens there; https, as in the cloud, for which the SDK loads other parts of Node than for http.
  AWS_ENDPOINT_URL: "https://127.0.0.1:9",
  HOLDFAST_QUEUES: "https://127.0.0.1:9/123456789012/shop-",
  HOLDFAST_LOG: "silent",
};

/** What a process says that has imported a bundle. */
export function ask<T>(...args: readonly string[]): T {
  return JSON.parse(execFileSync(process.execPath, [child, ...args], { env, encoding: "utf8" })) as T;
}

/** What is loaded when a container starts, until the handler is there. */
export interface Loaded {
  readonly files: readonly string[];
  /** Of these files. */
  readonly bytes: number;
  /** Of these files, each deflated as in a zip archive. */
  readonly deflated: number;
  readonly hasFetch: boolean;
}

export function loadedBy(entry: string): Loaded {
  const { files, hasFetch } = ask<{ files: string[]; hasFetch: boolean }>("files", entry);
  const contents = files.map((file) => readFileSync(join(dirname(entry), file)));
  const sum = (sizes: readonly number[]): number => sizes.reduce((all, size) => all + size, 0);
  return {
    files,
    hasFetch,
    bytes: sum(contents.map(({ length }) => length)),
    deflated: sum(contents.map((content) => deflateRawSync(content, { level: 9 }).length)),
  };
}

interface Metafile {
  readonly outputs: {
    readonly [path: string]: { readonly inputs: { readonly [path: string]: { readonly bytesInOutput: number } } };
  };
}

/** Bytes of what is loaded, by the package or the folder that it comes from, largest first. */
export function ownersOf(entry: string, { files }: Loaded): ReadonlyMap<string, number> {
  const { outputs } = JSON.parse(readFileSync(`${dirname(entry)}.json`, "utf8")) as Metafile;
  const owners = new Map<string, number>();
  for (const [path, { inputs }] of Object.entries(outputs)) {
    if (!files.some((file) => path.endsWith(`/${file}`))) continue;
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      if (bytesInOutput === 0) continue;
      const owner = ownerOf(input);
      owners.set(owner, (owners.get(owner) ?? 0) + bytesInOutput);
    }
  }
  return new Map([...owners].toSorted(([, a], [, b]) => b - a));
}

/** `zod`, `@smithy/core`, `src/core/runtime`, `examples/shop`. */
function ownerOf(input: string): string {
  const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input) ?? [];
  return name ?? input.split("/").slice(0, -1).slice(0, 3).join("/");
}
