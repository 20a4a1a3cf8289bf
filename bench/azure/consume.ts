import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusSessionReceiver } from "@azure/service-bus";

/** A subscription of a topic; all have sessions. */
export interface Source {
  readonly topic: string;
  readonly subscription: string;
}

/** What takes messages until it is stopped. */
export interface Consumer {
  stop(): Promise<void>;
}

/** Sessions at once, and how long an empty one is held: as host.json has it. */
const sessionsMax = 128;
const idleMs = 1_000;

const how = { receiveMode: "peekLock", skipParsingBodyAsJson: true, maxAutoLockRenewalDurationInMs: 0 } as const;

/**
 * Takes messages as the platform's trigger does: sessions side by side, of each one message at a time, which is completed
 * when it was handled. `failed` is told what ends it early.
 */
export function consume(
  client: ServiceBusClient,
  { topic, subscription }: Source,
  handle: (message: ServiceBusReceivedMessage) => Promise<void>,
  failed: (error: unknown) => void,
): Consumer {
  const open = new Set<Promise<void>>();
  const { promise: stopped, resolve: stop } = Promise.withResolvers<undefined>();
  let isStopped = false;

  async function serve(session: ServiceBusSessionReceiver): Promise<void> {
    while (!isStopped) {
      const [message] = await session.receiveMessages(1, { maxWaitTimeInMs: idleMs });
      if (message === undefined) break;
      await handle(message);
      await session.completeMessage(message);
    }
    await session.close();
  }

  async function accept(): Promise<void> {
    while (!isStopped) {
      if (open.size >= sessionsMax) await Promise.race([...open, stopped]);
      const accepted = client.acceptNextSession(topic, subscription, how);
      const session = await Promise.race([accepted, stopped]);
      if (session === undefined) {
        // It ends with the client.
        accepted.catch(() => {});
        return;
      }
      const serving = serve(session)
        .catch(failed)
        .finally(() => open.delete(serving));
      open.add(serving);
    }
  }

  const accepting = accept().catch(failed);
  return {
    async stop() {
      isStopped = true;
      stop(undefined);
      await accepting;
      await Promise.all(open);
    },
  };
}

/** What the worker hands to a function as the message's body and metadata. */
export function inputOf(
  message: ServiceBusReceivedMessage,
): readonly [body: Buffer, metadata: { readonly [name: string]: unknown }] {
  const { deliveryCount = 0, enqueuedTimeUtc, messageId, sessionId, applicationProperties } = message;
  const metadata = {
    messageId,
    sessionId,
    applicationProperties,
    // From 1: how often it was delivered, this time included.
    deliveryCount: deliveryCount + 1,
    enqueuedTimeUtc: enqueuedTimeUtc?.toISOString().slice(0, -1),
  };
  // It was not parsed: bytes, as it was sent.
  return [message.body as Buffer, metadata];
}
