import {
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type _Record as Change,
} from "@aws-sdk/client-dynamodb-streams";
import type { StreamEvent, StreamHandler } from "holdfast/aws/lambda";
import type { Context } from "aws-lambda";
import { lambdaRecord } from "../../../packages/aws-local/stream.ts";
import type { Deployment } from "./deployment.ts";
import type { Traffic } from "./traffic.ts";

/** How long a failed batch waits until it is handed over again, milliseconds. */
const retryMs = 500;

/** The event source mapping of the table's stream: one batch at a time, again from the first that has failed. */
export interface Mapping {
  /** Hands over what has come; true: there may be more. */
  next(handler: StreamHandler, context: Context, now: number): Promise<boolean>;
  /** When a failed batch is handed over again; Infinity: there is none. */
  retryAt(): number;
}

export function createMapping({ clients: { streams }, streamArn: StreamArn }: Deployment, traffic: Traffic): Mapping {
  let iterator: string | undefined;
  /** What was read and is not relayed. */
  let left: readonly Change[] = [];
  let retryAt = Infinity;
  let turn: Promise<unknown> = Promise.resolve();

  async function begin(): Promise<string | undefined> {
    const { StreamDescription: { Shards = [] } = {} } = await streams.send(new DescribeStreamCommand({ StreamArn }));
    if (Shards.length !== 1) throw new Error(`The emulator's streams have one shard, not ${Shards.length}.`);
    const ShardId = Shards[0]?.ShardId;
    const command = new GetShardIteratorCommand({ StreamArn, ShardId, ShardIteratorType: "TRIM_HORIZON" });
    return (await streams.send(command)).ShardIterator;
  }

  async function read(): Promise<readonly Change[]> {
    if (!traffic.written) return [];
    traffic.written = false;
    iterator ??= await begin();
    const answer = await streams.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 1_000 }));
    iterator = answer.NextShardIterator;
    const records = answer.Records ?? [];
    if (records.length > 0) traffic.written = true;
    // The mapping's own filter.
    return records.filter(({ dynamodb, eventName }) => {
      return eventName === "INSERT" && dynamodb?.Keys?.["sk"]?.S?.startsWith("r") === true;
    });
  }

  async function handOver(handler: StreamHandler, context: Context, now: number): Promise<boolean> {
    if (retryAt > now && left.length > 0) return false;
    const records = left.length > 0 ? left : await read();
    if (records.length === 0) return traffic.written;
    // As Lambda has it; the handler looks at each of them.
    const { batchItemFailures } = await handler({ Records: records.map(lambdaRecord) } as StreamEvent, context);
    const failed = batchItemFailures.map(({ itemIdentifier }) => BigInt(itemIdentifier));
    left = records.filter(({ dynamodb }) => failed.some((least) => BigInt(dynamodb?.SequenceNumber ?? 0) >= least));
    retryAt = left.length > 0 ? now + retryMs : Infinity;
    return left.length === 0;
  }

  return {
    next(handler, context, now) {
      const handed = turn.then(() => handOver(handler, context, now));
      turn = handed.catch(() => {});
      return handed;
    },
    retryAt: () => retryAt,
  };
}
