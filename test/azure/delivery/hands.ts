import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import { queueName, topicName } from "holdfast/azure/service-bus";
import { createHandOut, type HandOut } from "../../../src/azure/functions/hand-out.ts";
import type { Instance } from "../../../src/azure/functions/instance.ts";
import { isOrdered } from "../../../src/core/broker/groups.ts";
import type { System } from "../../../src/core/runtime/system.ts";
import type { Deployment } from "./deployment.ts";
import { metadataOf } from "./metadata.ts";

/** What takes an instance's messages, when it is told to. */
export interface Hands {
  /** The consumers whose messages it takes, at first all. */
  readonly consumers: Set<string>;
  /** Messages of a session that it takes before it lets go of it. */
  sessionMax: number;
  /** Around the function: may throw as a process does that is at its end. */
  around: (handle: () => Promise<void>) => Promise<void>;
  /** The codes of what failed between it and the broker. */
  readonly refusals: string[];
  /** How many messages it has at the moment. */
  held(): number;
  /** Takes one message, or a session's first one, if there is any, and handles it and what is behind it by itself. */
  take(): Promise<boolean>;
  close(): Promise<void>;
}

export interface HandsPorts {
  readonly instance: Instance;
  readonly deployment: Deployment;
  /** Time stands still during a call. Rejects where nobody will answer it. */
  during<T>(call: Promise<T>): Promise<T>;
  readonly system: System;
  readonly client: ServiceBusClient;
}

/** Locks are renewed by the case's time. */
const how = { receiveMode: "peekLock", skipParsingBodyAsJson: true, maxAutoLockRenewalDurationInMs: 0 } as const;

/** How long something may take of which it is known that it is there, milliseconds of this process's time. */
const atOnceMs = 5_000;

/** The path of a consumer's queue or subscription. */
export function entityOf(consumer: string): string {
  const [, subscription] = /^subscription:(.*)$/.exec(consumer) ?? [];
  return subscription === undefined ? queueName(consumer) : `${topicName}/Subscriptions/${subscription}`;
}

/** Hands messages to the functions of an instance, as the platform does, but only when it is told to, so that cases say who has them. */
export function createHands({ instance, deployment, during, system, client }: HandsPorts): Hands {
  const { broker, settle } = deployment;
  const handOuts = new Map(
    [...instance.queues].map(([consumer, queue]) => [consumer, createHandOut(consumer, queue, instance, system)]),
  );
  const receivers = new Map<string, ServiceBusReceiver>();
  let held = 0;

  async function handle(from: ServiceBusReceiver, message: ServiceBusReceivedMessage, handOut: HandOut): Promise<void> {
    held++;
    await hands
      .around(() => handOut(message.body, metadataOf(message)))
      .then(
        () => during(settle(() => from.completeMessage(message))),
        () => during(settle(() => from.abandonMessage(message))),
      )
      .catch(refused);
    held--;
  }

  function refused(error: unknown): void {
    hands.refusals.push(error instanceof Error && "code" in error ? String(error.code) : String(error));
  }

  function keep(lockMs: number, renew: () => Promise<unknown>): () => void {
    let cancel = (): void => {};
    const plan = (): void => {
      cancel = system.after(lockMs / 2, () => {
        plan();
        void during(renew()).catch(() => {});
      });
    };
    plan();
    return () => cancel();
  }

  async function takeSession(consumer: string, handOut: HandOut): Promise<void> {
    const entity = entityOf(consumer);
    const session = await during(
      consumer === "sends"
        ? client.acceptNextSession(entity, how)
        : client.acceptNextSession(topicName, consumer.slice("subscription:".length), how),
    );
    const { sessionId, sessionLockedUntilUtc } = session;
    const first = await during(receiveFrom(session));
    const stop = keep(sessionLockedUntilUtc.getTime() - system.now(), () => session.renewSessionLock());
    void (async () => {
      for (let message = first, count = 1; message !== undefined; count++) {
        await handle(session, message, handOut);
        const hasMore = count < hands.sessionMax && broker.isWaiting(entity, sessionId);
        // One whose lock is lost is somebody else's.
        message = hasMore ? await during(receiveFrom(session)).catch(() => undefined) : undefined;
      }
      stop();
      await during(session.close()).catch(refused);
    })();
  }

  async function takeMessage(consumer: string, handOut: HandOut): Promise<void> {
    const receiver = receivers.get(consumer) ?? client.createReceiver(entityOf(consumer), how);
    receivers.set(consumer, receiver);
    const message = await during(receiveFrom(receiver));
    if (message === undefined) return;
    const lockMs = (message.lockedUntilUtc?.getTime() ?? 0) - system.now();
    const stop = keep(lockMs, () => receiver.renewMessageLock(message));
    void handle(receiver, message, handOut).finally(stop);
  }

  const hands: Hands = {
    consumers: new Set(handOuts.keys()),
    sessionMax: Infinity,
    around: (work) => work(),
    refusals: [],
    held: () => held,
    async take() {
      for (const consumer of hands.consumers) {
        const handOut = handOuts.get(consumer);
        if (handOut === undefined || !broker.isWaiting(entityOf(consumer))) continue;
        // Where the connection is cut, the next attempt has another one.
        await (isOrdered(consumer) ? takeSession : takeMessage)(consumer, handOut).catch(refused);
        return true;
      }
      return false;
    },
    close: () => client.close(),
  };
  return hands;
}

async function receiveFrom(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage | undefined> {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: atOnceMs });
  return message;
}
