import { odata } from "@azure/data-tables";
import type { FailureStore } from "../../core/broker/failures.ts";
import type { DeadLetter } from "../../core/delivery/port.ts";
import { putUnlessLater, untilDone } from "./conditions.ts";
import { attemptKey, attemptRow, deadPartition, erasedReason, failuresOf } from "./failures-rows.ts";
import { letterOf, letterRow, reasonProperties } from "./failures-rows.ts";
import { createHeads } from "./heads.ts";
import { digits, partitionOf } from "./names.ts";
import { checkTablesOptions, type TablesOptions } from "./options.ts";
import { createRequests, inSlices, put, putTogether, query } from "./requests.ts";
import { numberOf, type Row, type StoredRow, versionOf } from "./rows.ts";
import { erasedRevision } from "./snapshots.ts";

/** Behind every number of a dead letter. */
const behindAll = ":";

/**
 * Attempt counts and dead letters in the journal's own table. A count is one unconditional write. A dead letter of a stream
 * is written in one transaction with a row that says whether the stream's reasons were erased, so that none that quotes what
 * was erased is ever added behind `blank`. All dead letters are in one partition, which takes 2,000 of them a second.
 * @throws HoldfastError `invalid-options`
 */
export function createTablesFailures(options: Omit<TablesOptions, "tailMax">): FailureStore {
  checkTablesOptions(options);
  const requests = createRequests(options);
  const heads = createHeads(requests);

  return {
    async failures(consumer, message) {
      const { partitionKey, rowKey } = attemptKey(consumer, message);
      const row = await requests.get(partitionKey, rowKey);
      return row && failuresOf(row);
    },
    async saveFailures(consumer, message, failures, expires) {
      const row = attemptRow(consumer, message, failures, expires);
      await requests.write((client, how) => client.upsertEntity(row, "Replace", how));
    },
    async bury(letter) {
      const row = await letterRow(letter);
      const { stream } = letter;
      if (!stream) return putUnlessLater(requests, row, (found) => diedAt(found) < letter.created);
      const erased = await letterRow({ ...letter, reason: erasedReason });
      await untilDone(async () => {
        const guardKey = guardOf(partitionOf(stream));
        const [guard, found, head] = await Promise.all([
          requests.get(guardKey.partitionKey, guardKey.rowKey),
          requests.get(row.partitionKey, row.rowKey, ["created"]),
          heads.read(stream),
        ]);
        if (found && diedAt(found) >= letter.created) return true;
        if (guard?.["erased"] === true || head?.revision === erasedRevision) {
          return (await put(requests, { row: erased, seen: found })).done;
        }
        // Nothing of it changes, but its version: whoever erases meanwhile is in the way of this, or comes after it.
        const changes = [
          { row: guardKey, seen: guard },
          { row, seen: found },
        ];
        return (await putTogether(requests, changes)).done;
      });
    },
    async blank(stream) {
      const partition = partitionOf(stream);
      const guard = { ...guardOf(partition), erased: true };
      await requests.write((client, how) => client.upsertEntity(guard, "Replace", how));
      const range = { from: "0", to: behindAll, where: odata`stream eq ${partition}`, select: ["rowKey"] };
      for await (const { rows } of query(requests, deadPartition, range)) await inSlices(rows, blankOne);
    },
    async dead({ consumer, after = 0, limit }) {
      const found: DeadLetter[] = [];
      if (limit < 1) return found;
      const range = { from: digits(Math.max(0, after) + 1), to: behindAll, limit: Math.min(limit, 1_000) };
      const ofConsumer = consumer !== undefined && { where: odata`consumer eq ${consumer}` };
      for await (const { rows } of query(requests, deadPartition, { ...range, ...ofConsumer })) {
        for (const row of rows.slice(0, limit - found.length)) found.push(await letterOf(row));
        if (found.length >= limit) break;
      }
      return found;
    },
    async drop(ids, until) {
      let dropped = 0;
      const numbers = [...new Set(ids)].filter((id) => Number.isSafeInteger(id) && id >= 1);
      await inSlices(numbers, async (id) => {
        if (await drop(digits(id), until)) dropped++;
      });
      return dropped;
    },
  };

  /** Replaces the whole row: what it said is in none of its properties then. */
  async function blankOne({ rowKey = "" }: StoredRow): Promise<void> {
    const reason = await reasonProperties(erasedReason);
    await untilDone(async () => {
      const row = await requests.get(deadPartition, rowKey);
      // Somebody has dropped it meanwhile, or blanked it.
      if (!row || row["reason"] === reason["reason"]) return true;
      const { etag: _etag, timestamp: _time, "odata.metadata": _metadata, ...properties } = row;
      const kept = Object.entries(properties).filter(([name]) => !/^reason\d*$/.test(name));
      // What came from there was written here.
      const blanked = { ...Object.fromEntries(kept), ...reason, partitionKey: deadPartition, rowKey } as Row;
      return (await put(requests, { row: blanked, seen: row })).done;
    });
  }

  async function drop(rowKey: string, until: number | undefined): Promise<boolean> {
    let isDropped = false;
    await untilDone(async () => {
      const found = until === undefined ? undefined : await requests.get(deadPartition, rowKey, ["created"]);
      if (until !== undefined && (!found || diedAt(found) > until)) return true;
      const written = await requests.write((client, how) =>
        client.deleteEntity(deadPartition, rowKey, { ...how, etag: found ? versionOf(found) : "*" }),
      );
      // The SDK tries again after an answer that was lost, and then it is gone by our own hand.
      isDropped = written.done || written.doubt;
      return isDropped || found === undefined;
    });
    return isDropped;
  }
}

function diedAt(row: StoredRow): number {
  return numberOf(row["created"], 0, "a dead letter");
}

function guardOf(partition: string): { readonly partitionKey: string; readonly rowKey: string } {
  return { partitionKey: deadPartition, rowKey: `e.${partition}` };
}
