import { CreateTableCommand, DeleteTableCommand, DynamoDBClient, paginateScan } from "@aws-sdk/client-dynamodb";
import { Readable } from "node:stream";
import { type Dynamo, startDynamo, whyNoDynamo } from "@holdfast/dynamodb-emulator";
import { createSystem, type Snapshot, type StoredRecord, type StreamId } from "holdfast";
import { createDynamoJournal, type DynamoOptions, tableInput } from "holdfast/aws/dynamodb";
import { afterAll, beforeAll, describe } from "vitest";

const missing = whyNoDynamo();

/** Runs the cases where there is an emulator; elsewhere they are skipped, and the name says why. */
export function describeOnDynamo(name: string, cases: () => void): void {
  describe.skipIf(missing !== undefined)(missing === undefined ? name : `${name} (skipped: ${missing})`, cases);
}

/** An emulator for the file's tests; `endpoint()` once they run. */
export function useDynamo(): { endpoint(): string } {
  let dynamo: Dynamo | undefined;
  beforeAll(async () => {
    if (missing === undefined) dynamo = await startDynamo();
  });
  afterAll(() => dynamo?.stop());
  return { endpoint: () => dynamo?.endpoint ?? "" };
}

/** A client of the real SDK. */
export function clientAt(endpoint: string, maxAttempts = 3): DynamoDBClient {
  return new DynamoDBClient({
    endpoint,
    maxAttempts,
    region: "eu-central-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
}

let tables = 0;

/** A table of its own, made when the first journal is opened on it. */
export function freshTable(endpoint: () => string) {
  const table = `journal-${++tables}`;
  const clients: DynamoDBClient[] = [];
  let made: Promise<unknown> | undefined;
  const client = (maxAttempts?: number): DynamoDBClient => {
    const created = clientAt(endpoint(), maxAttempts);
    clients.push(created);
    return created;
  };
  return {
    table,
    client,
    async open(options: Partial<DynamoOptions> = {}) {
      made ??= client().send(new CreateTableCommand(tableInput(table)));
      await made;
      return createDynamoJournal({ client: client(), table, system: createSystem(), ...options });
    },
    async close() {
      if (made) await client().send(new DeleteTableCommand({ TableName: table }));
      for (const each of clients) each.destroy();
    },
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
  /** DynamoDB answers so. */
  | { readonly status: number; readonly type: string; readonly message?: string };

/**
 * Puts a hand on the wire below the SDK and its retries: `plan` sees every attempt (its operation, and how many of that
 * operation there were before) and may let it go wrong. Returns the operations that were sent, in their order.
 */
export function onTheWire(
  client: DynamoDBClient,
  plan: (operation: string, before: number) => Fault | undefined | Promise<Fault | undefined> = () => undefined,
): string[] {
  const sent: string[] = [];
  const handler = client.config.requestHandler;
  const send = handler.handle.bind(handler);
  handler.handle = async (request, how) => {
    const operation = request.headers["x-amz-target"]?.split(".")[1] ?? "";
    const before = sent.filter((each) => each === operation).length;
    sent.push(operation);
    const fault = await plan(operation, before);
    if (fault === undefined) return send(request, how);
    if (fault === "refused") throw Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    // Every request of the journal has one; the handler's type does not say so.
    if (fault === "silence") return silence((how as { readonly abortSignal: AbortSignal }).abortSignal);
    if (fault === "answer lost") {
      await send(request, how);
      throw Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
    }
    const { status, type, message = type } = fault;
    const body = Readable.from([JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message })]);
    const headers = { "content-type": "application/x-amz-json-1.0" };
    // As much of an answer as the SDK reads.
    return { response: { statusCode: status, headers, body } } as unknown as Awaited<ReturnType<typeof send>>;
  };
  return sent;
}

function silence(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = () => reject(Object.assign(new Error("Request aborted"), { name: "AbortError" }));
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
  });
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

/** The sort keys of everything that is in a table. */
export async function sortKeysIn(client: DynamoDBClient, table: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { Items = [] } of paginateScan({ client }, { TableName: table })) {
    for (const { sk } of Items) found.push(sk?.S ?? "");
  }
  return found.toSorted();
}
