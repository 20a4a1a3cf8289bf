import { setTimeout as sleep } from "node:timers/promises";
import {
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record as StreamRecord,
} from "@aws-sdk/client-dynamodb-streams";
import type { Deployment } from "./deployment.ts";
import type { Invoke } from "./functions.ts";

export interface StreamOptions {
  /** Of an invocation. */
  readonly seconds: number;
  /** How often an empty shard is read again, milliseconds. Default 100; AWS does it four times a second. */
  readonly pollMs?: number;
  /** Whether an answer is lost on its way: then its batch comes again. */
  readonly isLost?: () => boolean;
}

/** The event source mapping of the table's stream: each shard in its order, again from what the function reports. */
export async function pollStream(
  { clients: { streams }, streamArn: StreamArn }: Deployment,
  invoke: Invoke,
  stop: AbortSignal,
  { seconds, pollMs = 100, isLost = () => false }: StreamOptions,
): Promise<void> {
  const reading = new Map<string, Promise<void>>();

  async function read(ShardId: string): Promise<void> {
    /** What was relayed last. */
    let after: string | undefined;
    let iterator: string | undefined;
    while (!stop.aborted) {
      try {
        iterator ??= (
          await streams.send(
            new GetShardIteratorCommand({
              StreamArn,
              ShardId,
              ...(after === undefined
                ? { ShardIteratorType: "TRIM_HORIZON" }
                : { ShardIteratorType: "AFTER_SEQUENCE_NUMBER", SequenceNumber: after }),
            }),
          )
        ).ShardIterator;
        const { Records: records = [], NextShardIterator: next } = await streams.send(
          new GetRecordsCommand({ ShardIterator: iterator, Limit: 1_000 }),
        );
        const isWhole = records.length === 0 || (await handle(records));
        if (isWhole && next === undefined) return;
        iterator = isWhole ? next : undefined;
        if (records.length === 0 || !isWhole) await sleep(pollMs, undefined, { signal: stop });
      } catch {
        iterator = undefined;
        await sleep(pollMs).catch(() => {});
      }
    }

    /** Whether all of them are done. */
    async function handle(records: readonly StreamRecord[]): Promise<boolean> {
      const wanted = records.filter(
        ({ eventName, dynamodb }) => eventName === "INSERT" && dynamodb?.Keys?.["sk"]?.S?.startsWith("r"),
      );
      const event = { Records: wanted.map(lambdaRecord) };
      const answer = (wanted.length === 0 ? {} : await invoke("stream", event, seconds)) as {
        batchItemFailures?: { itemIdentifier: string }[];
      };
      if (wanted.length > 0 && isLost()) return false;
      const failed = (answer.batchItemFailures ?? []).map(({ itemIdentifier }) => BigInt(itemIdentifier));
      const numbers = records.map(({ dynamodb }) => dynamodb?.SequenceNumber ?? "");
      const done = numbers.filter((number) => failed.every((least) => BigInt(number) < least));
      after = done.at(-1) ?? after;
      return failed.length === 0;
    }
  }

  while (!stop.aborted) {
    const { StreamDescription: { Shards: shards = [] } = {} } = await streams.send(
      new DescribeStreamCommand({ StreamArn }),
    );
    for (const { ShardId: id = "", ParentShardId: parent = "" } of shards) {
      // Parents before children.
      if (!reading.has(id))
        reading.set(
          id,
          (reading.get(parent) ?? Promise.resolve()).then(() => read(id)),
        );
    }
    await sleep(1_000, undefined, { signal: stop }).catch(() => {});
  }
  await Promise.all(reading.values());
}

/** A record as Lambda hands it over. Source: docs.aws.amazon.com/lambda/latest/dg/with-ddb.html */
export function lambdaRecord({ eventID, eventName, eventVersion, dynamodb }: StreamRecord): object {
  return {
    eventID,
    eventName,
    eventVersion,
    eventSource: "aws:dynamodb",
    dynamodb: {
      Keys: dynamodb?.Keys,
      NewImage: JSON.parse(
        JSON.stringify(dynamodb?.NewImage, (_name, value: unknown) =>
          value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value,
        ),
      ) as unknown,
      SequenceNumber: dynamodb?.SequenceNumber,
      SizeBytes: dynamodb?.SizeBytes,
      StreamViewType: "NEW_IMAGE",
    },
  };
}
