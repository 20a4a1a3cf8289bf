import { asRefusal, conditions, refusal, type Refusal } from "../conditions.ts";
import type { Content } from "../store/message.ts";
import type { Entity } from "../store/namespace.ts";
import { amqpError, type Broker, type Peer } from "./broker.ts";
import { contentOf, contentsOfBatch } from "./content.ts";
import { repliesOf } from "./replies.ts";
import { type AmqpMessage, type Arrival, type Delivery, encode, type Receiver } from "./rhea.ts";

/** A message, or a batch of them, is no larger. Source: Service Bus quotas, Standard tier. */
export const messageBytesMax = 256 * 1_024;

const batchFormat = 0x80013700;

/** Takes what a client sends on this link. */
export function serveSender(broker: Broker, peer: Peer, link: Receiver): void {
  const { operations } = broker;
  const address = link.target?.address ?? "";

  function targetOf(entity: Entity): NonNullable<Entity["target"]> {
    if (entity.target) return entity.target;
    throw refusal(conditions.notAllowed, `Messages cannot be sent to '${entity.path}': send to a queue or to a topic.`);
  }

  function contents(message: AmqpMessage | Buffer, delivery: Delivery): readonly Content[] {
    const isBatch = Buffer.isBuffer(message);
    if (isBatch && delivery.format !== batchFormat) {
      throw refusal(conditions.notImplemented, `Messages of format ${delivery.format} are not known.`);
    }
    const sizeBytes = isBatch ? message.length : encode(message).length;
    if (sizeBytes > messageBytesMax) {
      throw refusal(
        conditions.tooLarge,
        `The received message (delivery-id:${delivery.id}, size:${sizeBytes} bytes) exceeds the limit (${messageBytesMax} bytes) currently allowed on the link.`,
      );
    }
    return isBatch ? contentsOfBatch(message, broker.newId) : [contentOf(message, sizeBytes, broker.newId)];
  }

  function receive(message: AmqpMessage | Buffer, delivery: Delivery, entity: Entity): void {
    const reply = repliesOf(delivery.link.session);
    const refuse = (error: Refusal): void => reply(delivery, amqpError(error));
    let sent: readonly Content[];
    try {
      sent = contents(message, delivery);
    } catch (error) {
      operations.count("send");
      refuse(asRefusal(error));
      return;
    }
    if (Buffer.isBuffer(message)) operations.count("batch");
    operations.count("message", sent.length);
    operations.perform(
      { kind: "send", entity: entity.path, messageIds: sent.map(({ messageId }) => messageId) },
      { work: () => targetOf(entity).send(sent), answer: () => reply(delivery), refuse, cut: peer.cut },
    );
  }

  function refuseAttach(error: Refusal): void {
    link.open();
    link.close(amqpError(error));
  }

  try {
    const entity = broker.namespace.find(address);
    targetOf(entity);
    link.on("message", ({ message, delivery }: Arrival) => {
      if (message && delivery) receive(message, delivery, entity);
    });
    link.set_target({ address });
    operations.perform(
      { kind: "attach", entity: entity.path, messageIds: [] },
      { work: () => undefined, answer: () => link.open(), refuse: refuseAttach, cut: peer.cut },
    );
  } catch (error) {
    refuseAttach(asRefusal(error));
  }
}
