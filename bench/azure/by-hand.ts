import { RestError, type TableClient } from "@azure/data-tables";
import { readAndWrite, type Change } from "../cloud/optimistic.ts";

/** What says that somebody was faster: the row is there, or has changed. */
const faster: ReadonlySet<number | undefined> = new Set([409, 412]);

/** Gets the state's row, changes it, and writes it if nobody was faster (`readAndWrite`): a handler without a framework. */
export function getAndUpdate<State>(
  client: TableClient,
  id: string,
  baseMs: number,
  change: Change<State>,
): Promise<void> {
  const key = { partitionKey: id, rowKey: "state" };
  return readAndWrite<State, string>(
    {
      async read() {
        try {
          const { etag, state } = await client.getEntity<{ state: string }>(key.partitionKey, key.rowKey);
          // What `write` has put there.
          return { state: JSON.parse(state) as State, version: etag };
        } catch (error) {
          if (error instanceof RestError && error.statusCode === 404) return undefined;
          throw error;
        }
      },
      async write(state, version) {
        const row = { ...key, state: JSON.stringify(state) };
        try {
          if (version === undefined) await client.createEntity(row);
          else await client.updateEntity(row, "Replace", { etag: version });
          return true;
        } catch (error) {
          if (error instanceof RestError && faster.has(error.statusCode)) return false;
          throw error;
        }
      },
    },
    baseMs,
    change,
  );
}
