import { DeleteItemCommand, GetItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import {
  type TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from "@aws-sdk/client-dynamodb";
import type { FailureStore } from "../../core/broker/failures.ts";
import type { DeadLetter } from "../../core/delivery/port.ts";
import { isConditionFailed, putUnlessLater, unlessLater } from "./conditions.ts";
import { inSlices } from "./erase.ts";
import { attemptItem, attemptKey, deadPartition, deadSortKey, erasedCode } from "./failures-items.ts";
import { failuresOf, letterItem, letterOf } from "./failures-items.ts";
import { keyOf, partitionOf, sortKeys } from "./names.ts";
import { checkDynamoOptions, type DynamoOptions } from "./options.ts";
import { createRequests, queryPartition, watchAttempts } from "./requests.ts";
import { erasedRevision } from "./snapshots.ts";

/** Of dead letters with one number, the one that died last stands. */
const diedAt = "created";

/** Behind every number of a dead letter. */
const behindAll = sortKeys.end("");

/**
 * Attempt counts and dead letters in the journal's own table. A count is one unconditional put with a time-to-live. A dead
 * letter is written once; that of a stream in one transaction with a look at whether the stream is erased, so that none
 * that quotes what was erased is ever added behind `blank`. All dead letters are in one partition: DynamoDB takes about
 * 1,000 KB of them a second.
 * @throws HoldfastError `invalid-options`
 */
export function createDynamoFailures(options: Omit<DynamoOptions, "tailMax">): FailureStore {
  checkDynamoOptions(options);
  const { table: TableName } = options;
  const requests = createRequests(options);

  return {
    async failures(consumer, message) {
      const command = new GetItemCommand({ TableName, Key: attemptKey(consumer, message), ConsistentRead: true });
      const { Item: item } = await requests.read((client, how) => client.send(command, how));
      return item && failuresOf(item);
    },
    async saveFailures(consumer, message, failures, expires) {
      const command = new PutItemCommand({ TableName, Item: attemptItem(consumer, message, failures, expires) });
      await requests.write((client, how) => client.send(command, how));
    },
    async bury(letter) {
      const item = await letterItem(letter);
      if (!letter.stream) return putUnlessLater(requests, item, diedAt);
      const command = new TransactWriteItemsCommand({
        TransactItems: [
          { Put: unlessLater(TableName, item, diedAt) },
          {
            ConditionCheck: {
              TableName,
              Key: keyOf(letter.stream, sortKeys.snapshot),
              ConditionExpression: "attribute_not_exists(pk) OR revision < :erased",
              ExpressionAttributeValues: { ":erased": { N: String(erasedRevision) } },
            },
          },
        ],
      });
      try {
        await requests.write((client, how) => client.send(command, how));
      } catch (error) {
        const [isThere, isErased] = failedConditions(error);
        if (isThere) return;
        if (!isErased) throw error;
        await putUnlessLater(
          requests,
          await letterItem({ ...letter, reason: { code: erasedCode, message: "" } }),
          diedAt,
        );
      }
    },
    async blank(stream) {
      const unblanked = {
        ProjectionExpression: "sk",
        FilterExpression: "#stream = :stream AND #code <> :erased",
        ExpressionAttributeNames: { "#stream": "stream", "#code": "code" },
        ExpressionAttributeValues: { ":stream": { S: partitionOf(stream) }, ":erased": { S: erasedCode } },
      };
      for await (const { items } of queryPartition(requests, deadPartition, { from: "0", to: behindAll }, unblanked)) {
        await inSlices(items, ({ sk }) => blankOne(sk?.S ?? ""));
      }
    },
    async dead({ consumer, after = 0, limit }) {
      const range = { from: deadSortKey(Math.max(0, after) + 1), to: behindAll };
      const ofConsumer = consumer !== undefined && {
        FilterExpression: "consumer = :consumer",
        ExpressionAttributeValues: { ":consumer": { S: consumer } },
      };
      const found: DeadLetter[] = [];
      if (limit < 1) return found;
      // A filter is applied to what was read: with a limit on that, most pages would be empty.
      const pages = queryPartition(requests, deadPartition, ofConsumer ? range : { ...range, limit }, {
        ...ofConsumer,
      });
      for await (const { items } of pages) {
        for (const item of items.slice(0, limit - found.length)) found.push(await letterOf(item));
        if (found.length >= limit) break;
      }
      return found;
    },
    async drop(ids, until) {
      let dropped = 0;
      const numbers = [...new Set(ids)].filter((id) => Number.isSafeInteger(id) && id >= 1);
      await inSlices(numbers, async (id) => {
        if (await drop(id, until)) dropped++;
      });
      return dropped;
    },
  };

  async function blankOne(sk: string): Promise<void> {
    const command = new UpdateItemCommand({
      TableName,
      Key: { pk: { S: deadPartition }, sk: { S: sk } },
      UpdateExpression: "SET #code = :erased, #message = :nothing REMOVE #stack",
      ConditionExpression: "attribute_exists(pk)",
      ExpressionAttributeNames: { "#code": "code", "#message": "message", "#stack": "stack" },
      ExpressionAttributeValues: { ":erased": { S: erasedCode }, ":nothing": { S: "" } },
    });
    try {
      await requests.write((client, how) => client.send(command, how));
    } catch (error) {
      // Somebody has dropped it meanwhile.
      if (!isConditionFailed(error)) throw error;
    }
  }

  async function drop(id: number, until: number | undefined): Promise<boolean> {
    const command = new DeleteItemCommand({
      TableName,
      Key: { pk: { S: deadPartition }, sk: { S: deadSortKey(id) } },
      ...(until === undefined
        ? { ConditionExpression: "attribute_exists(pk)" }
        : {
            ConditionExpression: "#created <= :until",
            ExpressionAttributeNames: { "#created": "created" },
            ExpressionAttributeValues: { ":until": { N: String(until) } },
          }),
    });
    const attempts = watchAttempts(command);
    try {
      await requests.write((client, how) => client.send(command, how));
      return true;
    } catch (error) {
      if (!isConditionFailed(error)) throw error;
      // The SDK tries again after an answer that was lost, and then it is gone by our own hand.
      return attempts.inDoubt();
    }
  }
}

/** Of a transaction that was cancelled, by its items: whether the condition failed. */
function failedConditions(error: unknown): readonly boolean[] {
  const cause = error instanceof Error ? error.cause : undefined;
  if (!(cause instanceof Error) || cause.name !== "TransactionCanceledException") return [];
  // By name: the client may be of another copy of the SDK.
  const { CancellationReasons = [] } = cause as TransactionCanceledException;
  return CancellationReasons.map(({ Code }) => Code === "ConditionalCheckFailed");
}
