import type { ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import type { Bus, BusResults, Parcel } from "../../core/broker/bus.ts";
import { isOfAnEntry, messageRefused, messageTooLarge } from "../../core/broker/bus-errors.ts";
import { createCarriage, wantedBy } from "../../core/broker/carriage.ts";
import { isOrdered } from "../../core/broker/groups.ts";
import { inWaves } from "../../core/broker/waves.ts";
import type { HoldfastError } from "../../core/errors.ts";
import { within } from "../../http/deadline.ts";
import { translated } from "./errors.ts";
import { eventMessage, parcelMessage } from "./messages.ts";
import { queueName, subscriptionOf, topicName } from "./names.ts";
import { checkServiceBusOptions, type ServiceBusOptions } from "./options.ts";

/** A message, with its place in the call. */
interface Entry {
  readonly place: number;
  readonly message: ServiceBusMessage;
}

type Settle = (place: number, error: HoldfastError | undefined) => void;

/** Of a body. A message may have 256 KiB with all that belongs to it. Source: the quotas of Service Bus. */
const bodyBytesMax = 262_144;

/**
 * The broker on Azure: events go to a Service Bus topic with duplicate detection, messages into its queues, also those that
 * wait for a time. As many messages to a batch as fit; a batch is taken as a whole, or not.
 * @throws HoldfastError `invalid-options`
 */
export function createServiceBusBus(options: ServiceBusOptions): Bus {
  checkServiceBusOptions(options);
  const { client, prefix = "", app, system, requestTimeoutMs = 10_000 } = options;
  const carriage = createCarriage(wantedBy(app));
  const senders = new Map<string, ServiceBusSender>();

  function senderOf(entity: string): ServiceBusSender {
    const known = senders.get(entity);
    if (known) return known;
    const sender = client.createSender(entity);
    senders.set(entity, sender);
    return sender;
  }

  /**
   * What takes too long is given up here; the client goes on with it, within limits of its own. A signal would end the
   * opening of its connection half-way, which would then be tried again and again, and never be open.
   */
  function inTime<T>(work: Promise<T>): Promise<T> {
    return within(system, requestTimeoutMs, work, () => new Error(`there was no answer within ${requestTimeoutMs} ms`));
  }

  /** Never rejects. */
  async function deliver(
    entity: string,
    messages: readonly (ServiceBusMessage | HoldfastError)[],
  ): Promise<BusResults> {
    const results: (HoldfastError | undefined)[] = messages.map(() => undefined);
    const entries: Entry[] = [];
    for (const [place, message] of messages.entries()) {
      if (message instanceof Error) results[place] = message;
      else entries.push({ place, message });
    }
    await sendAll(entity, entries, (place, error) => void (results[place] = error));
    return results;
  }

  async function sendAll(entity: string, entries: readonly Entry[], settle: Settle): Promise<void> {
    for (let rest = entries; rest.length > 0; ) rest = rest.slice(await sendSome(entity, rest, settle));
  }

  /** Sends as many as fit into a batch, and says how many those are. What one of them may have spoilt goes one by one. */
  async function sendSome(entity: string, entries: readonly Entry[], settle: Settle): Promise<number> {
    const name = `"${entity}"`;
    let going = entries;
    try {
      const sender = senderOf(entity);
      const [only, another] = entries;
      if (only && !another) {
        // A batch would encode it twice.
        await inTime(sender.sendMessages(only.message));
        return 1;
      }
      const batch = await inTime(sender.createMessageBatch());
      const count = entries.findIndex(({ message }) => !batch.tryAddMessage(message));
      if (count === 0) {
        settle(entries[0]?.place ?? 0, messageTooLarge(`A message for ${name} does not fit into a batch.`));
        return 1;
      }
      going = count < 0 ? entries : entries.slice(0, count);
      await inTime(sender.sendMessages(batch));
    } catch (thrown) {
      const error = translated(thrown, name);
      if (going.length > 1 && isOfAnEntry(error)) {
        for (const entry of going) await sendSome(entity, [entry], settle);
      } else {
        for (const { place } of going) settle(place, error);
      }
    }
    return going.length;
  }

  return {
    publish: (events) =>
      inWaves(events, (some) =>
        deliver(
          `${prefix}${topicName}`,
          some.map((event) => refusal("the topic", event) ?? eventMessage(event, carriage(event.type))),
        ),
      ),
    send(consumer, messages) {
      const entity = `${prefix}${subscriptionOf(consumer) === undefined ? queueName(consumer) : topicName}`;
      const post = (some: readonly Parcel[]): Promise<BusResults> =>
        deliver(
          entity,
          some.map((parcel) => refusal(consumer, parcel) ?? parcelMessage(consumer, parcel)),
        );
      return isOrdered(consumer) ? inWaves(messages, post) : post(messages);
    },
  };
}

/** What Service Bus would refuse, perhaps with the whole batch, or would do in another way than was asked for. */
function refusal(
  consumer: string,
  { id, body, notBefore }: Pick<Parcel, "id" | "body" | "notBefore">,
): HoldfastError | undefined {
  const bytes = Buffer.byteLength(body);
  if (bytes > bodyBytesMax) return messageTooLarge(`A message for ${consumer} has ${bytes} bytes.`);
  if (body === "") return messageRefused(`A message for ${consumer} has no body.`);
  if (!/^[\x20-\x7e]{1,128}$/.test(id)) {
    return messageRefused(`A message for ${consumer} has the id ${JSON.stringify(id)}; 1 to 128 of ASCII are allowed.`);
  }
  if (notBefore !== undefined && isOrdered(consumer)) {
    return messageRefused(`A message for ${consumer} is to wait, but it has an order: later ones would overtake it.`);
  }
  return undefined;
}
