import { odata, type TableClient, type TransactionAction } from "@azure/data-tables";
import { watchAttempts } from "./attempts.ts";
import { isAbsent, isConflict, isDefinite, translated } from "./errors.ts";
import type { TablesOptions } from "./options.ts";
import { type Row, type StoredRow, versionOf } from "./rows.ts";

/** Sends with the client under a signal that ends the request when its time is over. */
type Send<Output> = (client: TableClient, how: { readonly abortSignal: AbortSignal }) => Promise<Output>;

/** Done, with the row's new version; or its condition did not hold. `doubt`: unless an earlier attempt of it has done it. */
export type Written =
  | { readonly done: true; readonly etag: string | undefined }
  | { readonly done: false; readonly doubt: boolean };

export interface Requests {
  readonly table: string;
  /** The row, or those properties of it; undefined where it is not there. @throws HoldfastError (`translated`) */
  get(partition: string, rowKey: string, select?: readonly string[]): Promise<StoredRow | undefined>;
  /** One request, at most 1,000 rows. @throws HoldfastError (`translated`) */
  page(filter: string, how: PageOptions): Promise<Page>;
  /** @throws HoldfastError (`translated`) */
  write(send: Send<object>): Promise<Written>;
}

interface PageOptions {
  /** Rows of the page. Default: 1,000. */
  readonly limit?: number | undefined;
  readonly select?: readonly string[] | undefined;
  /** Where the page before it ended. */
  readonly token?: string | undefined;
}

export interface Page {
  readonly rows: readonly StoredRow[];
  /** Where the next one begins; absent: this was the last. Table storage may end a page, also an empty one, wherever it likes. */
  readonly token?: string | undefined;
}

/** Requests to the table, each bounded in time; errors are translated here alone. */
export function createRequests({ client, system, requestTimeoutMs = 10_000 }: TablesOptions): Requests {
  const watch = watchAttempts(client);
  const table = client.tableName;

  async function send<Output>(one: Send<Output>, signal: AbortController): Promise<Output> {
    const cancel = system.after(requestTimeoutMs, () => signal.abort());
    try {
      return await one(client, { abortSignal: signal.signal });
    } finally {
      cancel();
    }
  }

  return {
    table,
    async get(partition, rowKey, select) {
      const how = select && { queryOptions: { select: [...select] } };
      try {
        return await send((to, also) => to.getEntity(partition, rowKey, { ...also, ...how }), new AbortController());
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw translated(error, table, false);
      }
    },
    async page(filter, { limit, select, token }) {
      const settings = { maxPageSize: limit ?? 1_000, ...(token !== undefined && { continuationToken: token }) };
      const queryOptions = { filter, ...(select && { select: [...select] }) };
      try {
        const { value } = await send(
          (from, how) =>
            from
              .listEntities({ ...how, queryOptions })
              .byPage(settings)
              .next(),
          new AbortController(),
        );
        // The iterator begins with a page, be it empty.
        return { rows: value ?? [], token: value?.continuationToken };
      } catch (error) {
        throw translated(error, table, false);
      }
    },
    async write(one) {
      const controller = new AbortController();
      const attempts = watch(controller.signal);
      try {
        const answer = await send(one, controller);
        const etag = "etag" in answer && typeof answer.etag === "string" ? answer.etag : undefined;
        return { done: true, etag };
      } catch (error) {
        if (isConflict(error)) return { done: false, doubt: attempts.doubt };
        throw translated(error, table, attempts.doubt || (attempts.accepted && !isDefinite(error)));
      }
    },
  };
}

/** A row, and its version that was seen, if there was one. */
export interface Change {
  readonly row: Row;
  readonly seen: Pick<StoredRow, "etag"> | undefined;
}

/** Puts the row where none stands, or in the place of the version that was seen. */
export function put(requests: Requests, { row, seen }: Change): Promise<Written> {
  return requests.write((client, how) =>
    seen ? client.updateEntity(row, "Replace", { ...how, etag: versionOf(seen) }) : client.createEntity(row, how),
  );
}

/** The same of rows of one partition, all or none: 100 at most, 4 MiB with bytes in base64. */
export function putTogether(requests: Requests, changes: readonly Change[]): Promise<Written> {
  const actions = changes.map(
    ({ row, seen }): TransactionAction =>
      // The SDK's type wants objects that may be written to; it does not write to them.
      seen ? ["update", { ...row }, "Replace", { etag: versionOf(seen) }] : ["create", { ...row }],
  );
  return requests.write((client, how) => client.submitTransaction(actions, how));
}

/** Removes a row if it is there. */
export async function remove(requests: Requests, partition: string, rowKey: string): Promise<void> {
  await requests.write((client, how) => client.deleteEntity(partition, rowKey, how));
}

/** A range of row keys in one partition. */
export interface Range {
  /** Included. */
  readonly from: string;
  /** Included. */
  readonly to: string;
  /** Rows of one page. Default: 1,000. */
  readonly limit?: number;
  readonly select?: readonly string[];
  /** What a row has to be besides, in OData. */
  readonly where?: string;
}

/** The pages of a query in one partition, each when it is asked for; strongly consistent, as all that Tables answer. */
export function query(requests: Requests, partition: string, range: Range): AsyncGenerator<Page, void, undefined> {
  const { from, to, where } = range;
  const keys = odata`PartitionKey eq ${partition} and RowKey ge ${from} and RowKey le ${to}`;
  return pagesOf(requests, where === undefined ? keys : `${keys} and ${where}`, range);
}

/** The pages of a query over any partitions. */
export async function* pagesOf(
  requests: Requests,
  filter: string,
  { limit, select }: Pick<Range, "limit" | "select"> = {},
): AsyncGenerator<Page, void, undefined> {
  let token: string | undefined;
  do {
    const page = await requests.page(filter, { limit, select, token });
    token = page.token;
    yield page;
  } while (token !== undefined);
}

/** Requests of one piece of work under way at a time. */
const concurrency = 16;

/** Works on some at a time; begins no more after one has failed. */
export async function inSlices<One>(items: readonly One[], work: (item: One) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += concurrency) {
    await Promise.all(items.slice(at, at + concurrency).map(work));
  }
}
