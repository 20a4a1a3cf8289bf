import { AzureNamedKeyCredential, RestError, TableClient, type TableServiceClientOptions } from "@azure/data-tables";
import { type Tables, startTables } from "@holdfast/tables-emulator";
import { createSystem, type Snapshot, type StoredRecord, type StreamId } from "holdfast";
import { createTablesJournal, type TablesOptions } from "holdfast/azure/tables";
import { afterAll, beforeAll } from "vitest";

/** An emulator for the file's tests; `emulator()` once they run. */
export function useTables(): () => Tables {
  let tables: Tables | undefined;
  beforeAll(async () => {
    tables = await startTables();
  });
  afterAll(() => tables?.stop());
  return () => {
    if (!tables) throw new Error("the emulator runs while tests do");
    return tables;
  };
}

/** What happens to a request instead of its ordinary way. */
export type Fault =
  /** It arrives and is done, and its answer is lost on the way back. */
  | "answer lost"
  /** It never arrives: nobody listens. */
  | "refused"
  /** Nothing ever comes back, until the caller gives up. */
  | "silence"
  /** Table storage answers so; where it is `inside`, to a transaction as a whole that it was taken, and to its part so. */
  | { readonly status: number; readonly code: string; readonly inside?: true };

/** Sees every attempt (its operation, how many of that operation there were before, its body) and may let it go wrong. */
export type Plan = (operation: string, before: number, body: string) => Fault | undefined | Promise<Fault | undefined>;

/** A client whose requests can be seen, and go wrong, on the wire below the SDK and its retries. */
export interface WatchedClient {
  readonly client: TableClient;
  /** The operations that were sent, in their order. */
  readonly sent: string[];
  plan: Plan;
  /** Rows of a page at most, as if Table storage had no time for more; with 0 a query begins with an empty page. */
  short: number;
}

type Policy = NonNullable<TableServiceClientOptions["additionalPolicies"]>[number]["policy"];
type Request = Parameters<Policy["sendRequest"]>[0];

/** `insert`, `get`, `query`, `replace`, `merge`, `delete`, `transaction` */
function operationOf({ method, url }: Request): string {
  if (url.endsWith("$batch")) return "transaction";
  const isRow = /\(PartitionKey=/.test(decodeURIComponent(url));
  if (method === "GET") return isRow ? "get" : "query";
  return { POST: "insert", PUT: "replace", PATCH: "merge", DELETE: "delete" }[method as string] ?? method;
}

/** A client of the real SDK. Its retries do not wait. */
export function clientAt(
  tables: Pick<Tables, "endpoint" | "account" | "key">,
  table: string,
  maxRetries = 2,
): WatchedClient {
  const sent: string[] = [];
  const watched = { sent, plan: (() => undefined) as Plan, short: 1_000 };
  const policy: Policy = {
    name: "onTheWire",
    async sendRequest(request, next) {
      const operation = operationOf(request);
      const before = sent.filter((each) => each === operation).length;
      sent.push(operation);
      const fault = await watched.plan(operation, before, typeof request.body === "string" ? request.body : "");
      if (fault === undefined) {
        return operation === "query" ? shortened(request, next, watched.short) : next(request);
      }
      if (fault === "refused") throw failure("ECONNREFUSED", request);
      if (fault === "silence") return silence(request);
      if (fault === "answer lost") {
        await next(request);
        throw failure("ECONNRESET", request);
      }
      return answer(request, fault);
    },
  };
  const options = {
    allowInsecureConnection: true,
    retryOptions: { maxRetries, retryDelayInMs: 1, maxRetryDelayInMs: 2 },
    additionalPolicies: [{ policy, position: "perRetry" as const }],
  };
  const credential = new AzureNamedKeyCredential(tables.account, tables.key);
  return Object.assign(watched, { client: new TableClient(tables.endpoint, table, credential, options) });
}

type Next = Parameters<Policy["sendRequest"]>[1];

async function shortened(request: Request, next: Next, short: number): ReturnType<Next> {
  const url = new URL(request.url);
  const begins = !url.searchParams.has("NextRowKey");
  const top = Number(url.searchParams.get("$top") ?? 1_000);
  if (top <= short) return next(request);
  url.searchParams.set("$top", String(Math.max(1, short)));
  if (short > 0 || !begins) return next(Object.assign(request, { url: url.href }));
  url.searchParams.delete("$select");
  const response = await next(Object.assign(request, { url: url.href }));
  const [first] = (JSON.parse(response.bodyAsText ?? "") as { value: { PartitionKey: string; RowKey: string }[] })
    .value;
  if (!first) return response;
  // Where the emulator's own pages go on: at the first row of the next one.
  response.headers.set("x-ms-continuation-nextpartitionkey", btoa(first.PartitionKey));
  response.headers.set("x-ms-continuation-nextrowkey", btoa(first.RowKey));
  return { ...response, bodyAsText: '{"value":[]}' };
}

function failure(code: string, request: Request): Error {
  return new RestError(`It failed: ${code}.`, { code, request });
}

function silence({ abortSignal }: Request): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = () => reject(Object.assign(new Error("The operation was aborted."), { name: "AbortError" }));
    if (abortSignal?.aborted) abort();
    else abortSignal?.addEventListener("abort", abort);
  });
}

function answer(
  request: Request,
  { status, code, inside }: Exclude<Fault, string>,
): Awaited<ReturnType<Policy["sendRequest"]>> {
  // The SDK's own class, which its packages for users do not export.
  const Headers = request.headers.constructor as new (headers: Record<string, string>) => Request["headers"];
  const error = JSON.stringify({ "odata.error": { code, message: { lang: "en-US", value: `It is ${code}.` } } });
  if (!inside) {
    return { request, status, headers: new Headers({ "content-type": "application/json" }), bodyAsText: error };
  }
  const part = `--changesetresponse_1\r\n\r\nHTTP/1.1 ${status} It failed\r\n\r\n${error}\r\n--changesetresponse_1--`;
  const headers = new Headers({ "content-type": "multipart/mixed; boundary=batchresponse_1" });
  return { request, status: 202, headers, bodyAsText: part };
}

let tables = 0;

/** A table of its own, made when the first journal is opened on it. */
export function freshTable(emulator: () => Tables) {
  const table = `journal${++tables}`;
  let made: Promise<void> | undefined;
  const client = (maxRetries?: number): WatchedClient => clientAt(emulator(), table, maxRetries);
  const make = (): Promise<void> => (made ??= client().client.createTable());
  return {
    table,
    client,
    make,
    async open(options: Partial<TablesOptions> = {}) {
      await make();
      return createTablesJournal({ client: client().client, system: createSystem(), ...options });
    },
    async close() {
      if (made) await client().client.deleteTable();
    },
  };
}

export const cart: StreamId = { tenant: "default", entity: "cart", id: "c1" };

/** A record with a payload that no format demands. */
export function recordAt(sequence: number, chain = "r"): StoredRecord {
  const id = (n: number) => `${chain}${n}`.padStart(20, "0");
  const previous = sequence === 1 ? "" : id(sequence - 1);
  return { sequence, id: id(sequence), previous, time: sequence, version: sequence, entries: `["${chain}"]` };
}

export function snapshotAt(sequence: number, body = `{"at":${sequence}}`): Snapshot {
  return { sequence, revision: 1, horizon: { foreign: 0, derived: 0 }, body };
}

/** The row keys of everything that is in a table. */
export async function rowKeysIn({ client }: WatchedClient): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { rowKey } of client.listEntities({ queryOptions: { select: ["rowKey"] } }))
    found.push(rowKey ?? "");
  return found.toSorted();
}

/** JSON text that deflating makes a quarter smaller, no more. */
export function noise(bytes: number, seed = 1): string {
  const raw = Buffer.alloc(Math.ceil((bytes * 3) / 4));
  let state = seed;
  for (let i = 0; i < raw.length; i++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    raw[i] = state;
  }
  return JSON.stringify(raw.toString("base64").slice(0, bytes - 2));
}
