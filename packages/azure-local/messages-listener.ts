import type { ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { handle, isReadyOf, type Listener, type Listening, receiving, renewing, settle } from "./listener.ts";
import { keepLock } from "./locks.ts";
import { createSettlements } from "./settlements.ts";
import type { ServiceBusTrigger } from "./triggers.ts";

/** Takes messages without sessions, some at once, while there is a process. */
export function listenToMessages(trigger: ServiceBusTrigger, options: Listening): Listener {
  const { client, presence, settings, output } = options;
  const { entity } = trigger;
  const stopped = new AbortController();
  const { promise: aborted, resolve: abort } = Promise.withResolvers<void>();

  function receiverOf(): ServiceBusReceiver {
    return "queue" in entity
      ? client.createReceiver(entity.queue, receiving)
      : client.createReceiver(entity.topic, entity.subscription, receiving);
  }

  /** Until the process ends, or it is stopped, and all that was taken until then is done with. */
  async function receive(receiver: ServiceBusReceiver): Promise<void> {
    const inTurn = createSettlements();
    const open = new Set<Promise<void>>();

    async function serve(message: ServiceBusReceivedMessage): Promise<void> {
      const renew = renewing(presence, () => receiver.renewMessageLock(message));
      const lock = keepLock(message.lockedUntilUtc, renew, settings.maxAutoLockRenewalMs);
      const how = await handle(trigger, options, message, lock);
      await lock.release();
      // Where that fails it comes again.
      if (how !== "lost") await inTurn(() => settle(receiver, message, how)).catch(() => {});
    }

    const ended = presence.ended();
    const subscription = receiver.subscribe(
      {
        processMessage(message) {
          const serving = serve(message).finally(() => open.delete(serving));
          open.add(serving);
          return serving;
        },
        async processError({ error }) {
          output(`${trigger.name}: ${error.message}\n`);
        },
      },
      { autoCompleteMessages: false, maxConcurrentCalls: settings.maxConcurrentCalls },
    );
    await Promise.race([ended, aborted]);
    await subscription.close();
    await Promise.all(open);
    await receiver.close();
  }

  async function listen(): Promise<void> {
    while (!stopped.signal.aborted) {
      const isThere = await Promise.race([isReadyOf(presence), aborted]);
      if (isThere !== true) return;
      await receive(receiverOf());
    }
  }

  const listening = listen().catch((error: unknown) => output(`${trigger.name}: ${String(error)}\n`));
  return {
    async stop() {
      stopped.abort();
      abort();
      await listening;
    },
  };
}
