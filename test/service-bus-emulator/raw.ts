import { once } from "node:events";
import { onTestFinished } from "vitest";
import {
  type AmqpError,
  type AmqpMessage,
  type Connection,
  createContainer,
  type Delivery,
  type Receiver,
  type Sender,
} from "../../packages/service-bus-emulator/amqp/rhea.ts";
import type { ServiceBus } from "../../packages/service-bus-emulator/index.ts";

/** An AMQP client that does what the JavaScript client of Service Bus does not. */
export interface Raw {
  sender(address: string): Promise<Sender>;
  /** Does not wait for the answer. */
  attach(address: string, options?: object): Receiver;
  /** With credit for so many messages. */
  receiver(address: string, credit: number, options?: object): Promise<Receiver>;
  /** The answer to a request to `<entity>/$management`. */
  request(entity: string, operation: string | undefined, body: unknown, linkName?: string): Promise<AmqpMessage>;
}

export async function connectRaw(bus: ServiceBus): Promise<Raw> {
  // Of `connect` rhea's typings know no more than that it takes options.
  const options = { host: "127.0.0.1", port: bus.port, reconnect: false, username: "x" };
  const connection: Connection = createContainer().connect(options as never);
  // What the test looks at is on the links.
  for (const event of [
    "disconnected",
    "connection_close",
    "receiver_error",
    "sender_error",
    "receiver_close",
    "sender_close",
  ]) {
    connection.on(event, () => undefined);
  }
  onTestFinished(() => connection.close());
  await once(connection, "connection_open");

  async function sender(address: string): Promise<Sender> {
    const link: Sender = connection["create_session"]().attach_sender({ target: { address } });
    link.session.open();
    await once(link, "sendable");
    return link;
  }

  function attach(address: string, more: object = {}): Receiver {
    const session = connection["create_session"]();
    session.open();
    const source = { address };
    return session.attach_receiver({ source, credit_window: 0, autoaccept: false, rcv_settle_mode: 1, ...more });
  }

  async function receiver(address: string, credit: number, more?: object): Promise<Receiver> {
    const link = attach(address, more);
    await once(link, "receiver_open");
    link.add_credit(credit);
    return link;
  }

  return {
    sender,
    attach,
    receiver,
    async request(entity, operation, body, linkName) {
      const address = `${entity}/$management`;
      const replies = await receiver(address, 1, {
        name: "replies",
        target: { address: "replies" },
        rcv_settle_mode: 0,
      });
      const requests = await sender(address);
      const answered = once(replies, "message");
      requests.send({
        message_id: "request",
        reply_to: "replies",
        application_properties: { operation, "associated-link-name": linkName },
        body,
      } as never);
      const [{ message }] = (await answered) as [{ readonly message: AmqpMessage }];
      replies.close();
      requests.close();
      return message;
    },
  };
}

/** The next delivery with its message. */
export async function delivery(
  link: Receiver,
): Promise<{ readonly message: AmqpMessage; readonly delivery: Delivery }> {
  const [context] = (await once(link, "message")) as [{ readonly message: AmqpMessage; readonly delivery: Delivery }];
  return context;
}

/** The condition with which the link is closed. */
export async function closed(link: Receiver): Promise<string | undefined> {
  await once(link, "receiver_close");
  // An AMQP error, or none.
  return (link.error as AmqpError | undefined)?.condition;
}
