import { GetTopicAttributesCommand } from "@aws-sdk/client-sns";
import { GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import { type HoldfastError, isHoldfastError } from "../../core/errors.ts";
import { unavailable } from "../../core/broker/bus-errors.ts";
import { isOrdered } from "../../core/broker/groups.ts";
import { translated } from "./errors.ts";
import { queueName } from "./names.ts";
import { checkAddresses, type SnsSqsOptions } from "./options.ts";
import { topicTarget } from "./publish.ts";
import { createRequests, type Send, sideBySide } from "./requests.ts";
import { queueTarget } from "./send.ts";

export interface CheckBusOptions
  extends Pick<SnsSqsOptions, "sns" | "sqs" | "topic" | "queues" | "system" | "requestTimeoutMs"> {
  /** Whose queues have to be there: `consumersOf(app)`, or those that this host serves. */
  readonly consumers: readonly string[];
}

/**
 * Asks once, at a start, whether the topic and the queues are there and of the right kind (`sns:GetTopicAttributes`,
 * `sqs:GetQueueAttributes`).
 * @throws HoldfastError `bus-unavailable` with all that is wrong; `bus-failed`, `overloaded` (later) where it could not be seen
 */
export async function checkBus(options: CheckBusOptions): Promise<void> {
  checkAddresses(options);
  const { sns, sqs, topic, queues, system, consumers, requestTimeoutMs = 10_000 } = options;
  const request = createRequests(system, requestTimeoutMs);
  const problems: HoldfastError[] = [];

  async function look(
    target: { name: string; expected: string },
    ordered: boolean,
    ask: Send<string | undefined>,
  ): Promise<void> {
    try {
      const isFifo = (await request(ask)) === "true";
      if (isFifo === ordered) return;
      problems.push(unavailable(`${target.name} is ${isFifo ? "" : "not "}FIFO. Expected: ${target.expected}.`));
    } catch (error) {
      problems.push(translated(error, target));
    }
  }

  const topicFifo: Send<string | undefined> = async (how) => {
    const { Attributes } = await sns.send(new GetTopicAttributesCommand({ TopicArn: topic }), how);
    return Attributes?.["FifoTopic"];
  };
  const queueFifo =
    (consumer: string): Send<string | undefined> =>
    async (how) => {
      const QueueUrl = `${queues}${queueName(consumer)}`;
      // Asked for by name, FifoQueue is refused for a queue that is none.
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }), how);
      return Attributes?.["FifoQueue"];
    };
  await sideBySide(
    [
      () => look(topicTarget(topic), true, topicFifo),
      ...consumers.map(
        (consumer) => () => look(queueTarget(queues, consumer), isOrdered(consumer), queueFifo(consumer)),
      ),
    ],
    10,
  );
  const wrong = problems.filter((error) => isHoldfastError(error, "bus-unavailable"));
  const [first] = wrong.length > 0 ? wrong : problems;
  if (first === undefined) return;
  throw wrong.length > 1 ? unavailable(wrong.map(({ message }) => message).join("\n")) : first;
}
