import type { StreamRecord } from "holdfast/aws/lambda";
import type { Committed } from "../../../src/core/broker/outbox.ts";
import { recordItem } from "../../../src/aws/dynamodb/items.ts";

/** Sequence numbers grow, and at a power of ten they get longer. */
export const sequenceNumber = (position: number): string => String(99_999_999_999_999_999_990n + BigInt(position));

/**
 * The record of a stream as Lambda hands it over.
 * Source: docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
 */
export function inserted({ stream, record }: Committed, position: number): StreamRecord {
  // The SDK's values of texts and numbers are Lambda's.
  const image = recordItem(stream, record) as NonNullable<NonNullable<StreamRecord["dynamodb"]>["NewImage"]>;
  const { pk = {}, sk = {} } = image;
  return {
    ...about,
    eventName: "INSERT",
    dynamodb: { ...times, Keys: { pk, sk }, NewImage: image, SequenceNumber: sequenceNumber(position) },
  };
}

export const about = {
  eventID: "c4ca4238a0b923820dcc509a6f75849b",
  eventVersion: "1.1",
  eventSource: "aws:dynamodb",
  awsRegion: "eu-central-1",
  eventSourceARN: "arn:aws:dynamodb:eu-central-1:123456789012:table/journal/stream/2026-07-10T00:48:05.899",
} as const;

const times = { ApproximateCreationDateTime: 1_767_225_600, SizeBytes: 59, StreamViewType: "NEW_IMAGE" };
