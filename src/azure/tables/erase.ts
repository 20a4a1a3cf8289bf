import type { StreamId } from "../../core/journal/port.ts";
import type { Heads } from "./heads.ts";
import { partitionOf, rowKeys } from "./names.ts";
import { inSlices, query, remove, type Requests } from "./requests.ts";
import { recordHeader, recordHeaderOf, recordProperties, type StoredRow } from "./rows.ts";

/**
 * Blanks the records before the tombstone, removes pages of keys, and every part of a snapshot that is not the stored
 * one's: also parts that a writer left which died before it had removed them. Every step may be repeated.
 */
export async function erase(requests: Requests, heads: Heads, stream: StreamId, tombstone: number): Promise<void> {
  const partitionKey = partitionOf(stream);
  /** The whole row goes for one without payload; how far the stream is published is said by others, too. */
  const blank = async (row: StoredRow): Promise<void> => {
    const header = recordHeaderOf(row);
    const blanked = {
      partitionKey,
      rowKey: rowKeys.record(header.sequence),
      ...recordProperties(header),
      ...(typeof row["published"] === "bigint" && { published: row["published"] }),
      entries: "[]",
    };
    // Where it is not there, somebody has removed it by hand: there is nothing left to blank.
    await requests.write((client, how) => client.updateEntity(blanked, "Replace", { ...how, etag: "*" }));
  };
  const removeRow = ({ rowKey = "" }: StoredRow): Promise<void> => remove(requests, partitionKey, rowKey);

  if (tombstone > 1) {
    const records = {
      from: rowKeys.record(tombstone - 1),
      to: rowKeys.record(1),
      select: [...recordHeader, "entries"],
    };
    for await (const { rows } of query(requests, partitionKey, records)) {
      await inSlices(
        rows.filter(({ entries }) => entries !== "[]"),
        blank,
      );
    }
  }
  const pages = { from: "k", to: rowKeys.end("k"), select: ["rowKey"] };
  for await (const { rows } of query(requests, partitionKey, pages)) await inSlices(rows, removeRow);

  const standing = (await heads.read(stream))?.parts?.generation;
  const parts = { from: "p", to: rowKeys.end("p"), select: ["rowKey"] };
  for await (const { rows } of query(requests, partitionKey, parts)) {
    const isStanding = ({ rowKey }: StoredRow) => standing !== undefined && rowKey?.startsWith(`p${standing}.`);
    await inSlices(
      rows.filter((row) => !isStanding(row)),
      removeRow,
    );
  }
}
