import type { Bus } from "../../core/broker/bus.ts";
import { createCarriage, wantedBy } from "../../core/broker/carriage.ts";
import { isOrdered } from "../../core/broker/groups.ts";
import { checkSnsSqsOptions, type SnsSqsOptions } from "./options.ts";
import { publish } from "./publish.ts";
import { createRequests } from "./requests.ts";
import { send } from "./send.ts";
import { inWaves } from "../../core/broker/waves.ts";

/**
 * The broker on AWS: events go to an SNS FIFO topic, messages into SQS queues, timers that are due in more than 15 minutes
 * to EventBridge Scheduler. Ten messages to a request, requests of a call side by side, each bounded in time.
 * @throws HoldfastError `invalid-options`
 */
export function createSnsSqsBus(options: SnsSqsOptions): Bus {
  checkSnsSqsOptions(options);
  const { sns, sqs, topic, queues, app, system, schedules, requestTimeoutMs = 10_000, requestsMax = 10 } = options;
  const request = createRequests(system, requestTimeoutMs);
  const carriage = createCarriage(wantedBy(app));
  const publishing = { sns, topic, carriage, request, requestsMax };
  const sending = { sqs, queues, system, schedules, request, requestsMax };
  return {
    publish: (events) => inWaves(events, (some) => publish(publishing, some)),
    send: (consumer, messages) =>
      isOrdered(consumer)
        ? inWaves(messages, (some) => send(sending, consumer, some))
        : send(sending, consumer, messages),
  };
}
