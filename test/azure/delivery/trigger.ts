import type {
  ServiceBusClient,
  ServiceBusReceivedMessage,
  ServiceBusReceiver,
  ServiceBusSessionReceiver,
} from "@azure/service-bus";
import { queueName, topicName } from "holdfast/azure/service-bus";
import { createHandOut } from "../../../src/azure/functions/hand-out.ts";
import type { Instance } from "../../../src/azure/functions/instance.ts";
import { isOrdered } from "../../../src/core/broker/groups.ts";
import type { QueueConsumer } from "../../../src/core/broker/receive.ts";
import type { System } from "../../../src/core/runtime/system.ts";
import { createConnections } from "./connections.ts";
import type { Deployment } from "./deployment.ts";
import { createLocks } from "./locks.ts";
import { metadataOf } from "./metadata.ts";
import { createStretches, type Run, type Stretch } from "./stretches.ts";
import type { Traffic } from "./traffic.ts";

/** The platform's trigger of one function. */
export interface Trigger {
  /** Hands over what there is, if there is a hand free: a message, or a session's first one. */
  take(): Promise<Stretch | undefined>;
  /** Takes nothing more, and gives back what waits here; what is at work comes to its end. */
  close(): void;
}

interface TriggerPorts {
  readonly consumer: string;
  readonly queue: QueueConsumer;
  readonly instance: Instance;
  readonly system: System;
  readonly deployment: Deployment;
  readonly traffic: Traffic;
}

/** Of host.json. */
const callsMax = 32;

/**
 * Of host.json, times ten: while sessions wait the platform starts other instances of a function, which here are one with
 * as many hands.
 */
const sessionsMax = 1_280;

/** Locks are renewed here, by the case's time. */
const how = { receiveMode: "peekLock", skipParsingBodyAsJson: true, maxAutoLockRenewalDurationInMs: 0 } as const;

/** How long something may take of which it is known that it is there, milliseconds of this process's time. */
const atOnceMs = 5_000;

/** A message that is being handled. */
interface Held {
  readonly run: Run;
  giveBack(): Promise<void>;
}

/**
 * Hands a queue's or a subscription's messages to its function as the Functions host does: of a session one at a time, in
 * their order, and the session is kept while there is more of it; without sessions several at once. What the function has
 * returned from is completed; what it throws on is abandoned, which the broker counts.
 * Source: learn.microsoft.com/azure/azure-functions/functions-bindings-service-bus-trigger
 */
export function createTrigger(ports: TriggerPorts): Trigger {
  const { consumer, queue, instance, system, deployment, traffic } = ports;
  const { alone, broker, settle } = deployment;
  const { during } = traffic;
  const hasSessions = isOrdered(consumer);
  const subscription = consumer.startsWith("subscription:") ? consumer.slice("subscription:".length) : undefined;
  const entity = subscription === undefined ? queueName(consumer) : `${topicName}/Subscriptions/${subscription}`;
  const going: Stretch[] = [];
  const stretches = createStretches((stretch) => {
    going.push(stretch);
    traffic.changed();
  });
  const handOut = createHandOut(consumer, queue, instance, stretches.watched(system));
  const held = new Set<Held>();
  const connections = createConnections(deployment.serviceBus);
  const keepLock = createLocks(system, traffic, () => closed);
  let receiver: ServiceBusReceiver | undefined;
  let hands = 0;
  let closed = false;

  /** What it was received from is let go of where the message is given back because the trigger closes. */
  async function handle(from: ServiceBusReceiver, message: ServiceBusReceivedMessage, run: Run): Promise<void> {
    let isOver = false;
    /** Not where it is over already; a lock that has run out is nobody's any more. */
    async function end(settlement: () => Promise<void>): Promise<void> {
      if (isOver) return;
      isOver = true;
      await during(settle(settlement)).catch(() => {});
    }
    const abandon = (): Promise<void> => end(() => from.abandonMessage(message));
    const one: Held = {
      run,
      async giveBack() {
        await abandon();
        if (hasSessions) await during(from.close());
        traffic.changed();
      },
    };
    run.onWait = () => {
      if (closed) void one.giveBack();
    };
    held.add(one);
    try {
      await handOut(message.body, metadataOf(message));
      await end(() => from.completeMessage(message));
    } catch {
      await abandon();
    } finally {
      held.delete(one);
      traffic.changed();
    }
  }

  function release(): void {
    hands--;
    traffic.changed();
  }

  async function takeSession(): Promise<Stretch> {
    const connection = connections.free();
    const session = await during(acceptNext(connection.client));
    connection.sessions++;
    const { sessionId } = session;
    const first = await during(receiveFrom(session));
    return stretches.run(async (run) => {
      const stop = keepLock(session.sessionLockedUntilUtc, () => session.renewSessionLock());
      for (let message = first; message !== undefined; ) {
        await handle(session, message, run);
        const hasMore = !closed && broker.isWaiting(entity, sessionId);
        // A session whose lock is lost is somebody else's.
        message = hasMore ? await during(receiveFrom(session)).catch(() => undefined) : undefined;
      }
      stop();
      await during(session.close());
      connection.sessions--;
      release();
    });
  }

  function acceptNext(client: ServiceBusClient): Promise<ServiceBusSessionReceiver> {
    return subscription === undefined
      ? client.acceptNextSession(entity, how)
      : client.acceptNextSession(topicName, subscription, how);
  }

  async function takeMessage(): Promise<Stretch | undefined> {
    const from = (receiver ??= connections.free().client.createReceiver(entity, how));
    const message = await during(receiveFrom(from));
    if (message === undefined) return undefined;
    return stretches.run(async (run) => {
      const stop = keepLock(message.lockedUntilUtc, () => from.renewMessageLock(message));
      await handle(from, message, run);
      stop();
      release();
    });
  }

  return {
    async take() {
      const begun = going.shift();
      if (begun || closed || hands >= (hasSessions ? sessionsMax : callsMax)) return begun;
      return alone(entity, async () => {
        if (!broker.isWaiting(entity)) return undefined;
        const stretch = await (hasSessions ? takeSession() : takeMessage());
        if (stretch) hands++;
        return stretch;
      });
    },
    close() {
      closed = true;
      for (const one of held) if (one.run.waits > 0) void one.giveBack();
    },
  };
}

async function receiveFrom(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage | undefined> {
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: atOnceMs });
  return message;
}
