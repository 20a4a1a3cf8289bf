import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { Append, AppendResult, Journal } from "../../core/journal/port.ts";
import { failedItem } from "./conditions.ts";
import { erase } from "./erase.ts";
import { isDefinite, translated } from "./errors.ts";
import { recordItem } from "./items.ts";
import { loadAfter, loadNewest, loadPages, readRecord } from "./load.ts";
import { checkDynamoOptions, type DynamoOptions } from "./options.ts";
import { createRequests, watchAttempts } from "./requests.ts";
import { createSnapshots } from "./snapshots.ts";
import { scanStreams } from "./streams.ts";

/**
 * A journal in one DynamoDB table. A record is an item of its own, written by one conditional put; a cold load is one
 * strongly consistent query; idempotency keys are kept in pages. Costs, limits and permissions: docs/aws.md. It cannot
 * tell whether the record before an append stands; the core checks the chain when it loads.
 * @throws HoldfastError `invalid-options`
 */
export function createDynamoJournal(options: DynamoOptions): Journal {
  checkDynamoOptions(options);
  const { table, tailMax = 100, system } = options;
  const requests = createRequests(options);
  const saveSnapshot = createSnapshots(requests, system.newId);

  async function append({ stream, record }: Append): Promise<AppendResult> {
    const command = new PutItemCommand({
      TableName: table,
      Item: recordItem(stream, record),
      ConditionExpression: "attribute_not_exists(pk)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    });
    const attempts = watchAttempts(command);
    try {
      await requests.raw((client, how) => client.send(command, how));
      return "stored";
    } catch (error) {
      const item = failedItem(error);
      if (item !== undefined) {
        // The id tells ours: the SDK tries again after an answer that was lost, and fails on its own write.
        const id = item === "absent" ? (await readRecord(requests, stream, record.sequence))?.id : item["id"]?.S;
        if (id === undefined) return "unknown";
        return id === record.id ? "stored" : "taken";
      }
      if (attempts.inDoubt() || !isDefinite(error)) return "unknown";
      throw translated(error, table, false);
    }
  }

  return {
    keys: { kind: "pages", load: (stream, from, to) => loadPages(requests, stream, from, to) },
    load: async (stream, after) =>
      after === undefined
        ? loadNewest(requests, stream, tailMax)
        : { records: await loadAfter(requests, stream, after) },
    append,
    record: (stream, sequence) => readRecord(requests, stream, sequence),
    history: (stream, { after, limit }) => loadAfter(requests, stream, after, limit),
    saveSnapshot: (stream, snapshot, keys) => saveSnapshot(stream, snapshot, keys?.page),
    streams: (range) => scanStreams(requests, range),
    erase: (stream, tombstone) => erase(requests, stream, tombstone),
  };
}
