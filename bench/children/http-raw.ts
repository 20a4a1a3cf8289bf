import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createRawStore, warmUpRaw, type RawCommand } from "../raw/store.ts";
import { cartIds, usedCommands } from "../workload.ts";
import { answerParent } from "./answer.ts";

/** The raw limit behind a bare `node:http` hop: what has arrived, up to 16 commands, shares one transaction. */
const groupMax = 16;

const store = createRawStore(join(process.argv[2] ?? "", "raw-http.db"));
let waiting: { readonly command: RawCommand; readonly response: ServerResponse }[] = [];

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const id = request.url?.split("/")[3];
    const key = request.headers["idempotency-key"];
    if (id === undefined || typeof key !== "string") return void response.writeHead(400).end();
    waiting.push({ command: { id, key, item: JSON.parse(Buffer.concat(chunks).toString()) }, response });
    if (waiting.length === 1) setImmediate(flush);
    if (waiting.length === groupMax) flush();
  });
});

function flush(): void {
  if (waiting.length === 0) return;
  const group = waiting;
  waiting = [];
  const versions = store.run(group.map(({ command }) => command));
  for (const [i, { response }] of group.entries()) {
    response.writeHead(204, { etag: `"${versions[i]}"`, "cache-control": "no-store" }).end();
  }
}

async function listen(): Promise<{ readonly port: number }> {
  store.seed(cartIds, usedCommands);
  let used = 0;
  warmUpRaw(store, () => used++);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  // An address, since it listens on a port.
  return { port: (server.address() as AddressInfo).port };
}

answerParent(listen, async () => store.close());
