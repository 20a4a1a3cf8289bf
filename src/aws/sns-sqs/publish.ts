import { PublishBatchCommand, type PublishBatchRequestEntry } from "@aws-sdk/client-sns";
import type { Carriage } from "../../core/broker/carriage.ts";
import { groupOf, token } from "../../core/broker/groups.ts";
import type { BusResults, Publication } from "../../core/broker/bus.ts";
import type { HoldfastError } from "../../core/errors.ts";
import { attributesOf, sendableJson } from "./attributes.ts";
import { batchesOf, bytesOf, deliver, type Entry } from "./batches.ts";
import type { Target } from "./errors.ts";
import type { SnsSqsOptions } from "./options.ts";
import { type createRequests, sideBySide } from "./requests.ts";

export interface PublishPorts extends Pick<SnsSqsOptions, "sns" | "topic"> {
  readonly carriage: (event: string) => Carriage;
  readonly request: ReturnType<typeof createRequests>;
  readonly requestsMax: number;
}

/** What a topic has to be, for messages. */
export function topicTarget(topic: string): Target {
  return { name: `Topic "${topic}"`, expected: "an SNS FIFO topic in this account and region" };
}

/** Publishes events, one at most of each stream. Never rejects. */
export async function publish(ports: PublishPorts, events: readonly Publication[]): Promise<BusResults> {
  const { sns, topic, carriage, request, requestsMax } = ports;
  const target = topicTarget(topic);
  const results: (HoldfastError | undefined)[] = events.map(() => undefined);
  const settle = (place: number, error: HoldfastError | undefined): void => void (results[place] = error);
  const entries = events.map((event, place) => entryOf(place, event, carriage(event.type)));
  const work = batchesOf(entries, target, settle).map((batch) => () => {
    const send = (some: readonly PublishBatchRequestEntry[]) => {
      const command = new PublishBatchCommand({ TopicArn: topic, PublishBatchRequestEntries: [...some] });
      return request((how) => sns.send(command, how));
    };
    return deliver(batch, target, send, settle);
  });
  await sideBySide(work, requestsMax);
  return results;
}

function entryOf(place: number, event: Publication, carriage: Carriage): Entry<Omit<PublishBatchRequestEntry, "Id">> {
  const attributes = attributesOf(event, carriage);
  const body = sendableJson(event.body);
  return {
    place,
    bytes: bytesOf(body, attributes),
    request: {
      Message: body,
      MessageAttributes: attributes,
      MessageGroupId: groupOf(event),
      MessageDeduplicationId: token(event.id),
    },
  };
}
