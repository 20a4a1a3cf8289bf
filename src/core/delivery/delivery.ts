import type { Journal } from "../journal/port.ts";
import { isoTime } from "../runtime/system.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { createConsumer, type Consumer } from "./consumer.ts";
import { cronConsumer } from "./crons.ts";
import { queued, type OutgoingMessage } from "./outgoing.ts";
import type { MessageStore, ReplayStore } from "./port.ts";
import { replayConsumer } from "./replays.ts";
import { sendsConsumer } from "./sends.ts";
import { subscriptionConsumer } from "./subscriptions.ts";
import { timersConsumer } from "./timers.ts";
import { queueConsumer, workerConsumer } from "./workers.ts";

/** Delivers what an app's entities commit, and what waits in its queues, as long as it runs. */
export interface Delivery {
  /** Registers the app's subscriptions, so that nothing that is committed afterwards is missed, and begins. */
  start(): Promise<void>;
  /** Puts a message into a queue; durable when it resolves. Answers its id. @throws HoldfastError `message-too-large` */
  send(queue: string, message: OutgoingMessage): Promise<string>;
  /** Resolves when all that is due has been handled, here; what waits for a retry or a time is not due. */
  idle(): Promise<void>;
  /** Begins nothing more, waits that long for handlers that run, and stores how far it got. */
  close(timeoutMs: number): Promise<void>;
}

export function createDelivery(
  runtime: Runtime,
  options: { readonly store: MessageStore & ReplayStore; readonly journal: Journal; readonly services: unknown },
): Delivery {
  const { store, journal, services } = options;
  const { app, system } = runtime;
  const ports = { runtime, journal, services };
  const specs = [
    sendsConsumer(ports),
    timersConsumer(ports),
    ...[...app.subscriptions.values()].map((definition) => subscriptionConsumer(ports, definition)),
    ...[...app.workers.values()].map((definition) => workerConsumer(ports, definition)),
    ...[...app.timers.values()].map((definition) => cronConsumer(ports, definition)),
  ];
  const consumers = specs.map((spec) => createConsumer(spec, { store, journal, system }));
  const replays = new Map<string, Consumer>();
  let stopWatching = (): void => {};
  let closing = false;
  let looking = Promise.resolve();
  let cancelLook = (): void => {};

  const all = (): readonly Consumer[] => [...consumers, ...replays.values()];

  /** Begins the replays that were asked for, and lets go of those that are over. */
  function lookForReplays(): Promise<void> {
    // One after the other: what an earlier look has seen may be out of date.
    looking = looking.then(look, look);
    return looking;
  }

  async function look(): Promise<void> {
    const unfinished = new Map((await store.replays("unfinished")).map((replay) => [replay.id, replay]));
    for (const [id, consumer] of replays) {
      if (unfinished.has(id)) continue;
      replays.delete(id);
      await consumer.close(0);
    }
    for (const [id, replay] of unfinished) {
      const definition = app.subscriptions.get(replay.subscription);
      if (closing || !definition || replays.has(id)) continue;
      const consumer = createConsumer(replayConsumer(ports, definition, replay), { store, journal, system });
      replays.set(id, consumer);
      try {
        await consumer.start();
      } catch (error) {
        replays.delete(id);
        await consumer.close(0);
        throw error;
      }
    }
  }

  function lookLater(): void {
    lookForReplays().catch((error: unknown) => {
      if (closing) return;
      system.log.warn({ error }, "replays could not be looked for; it is tried again");
      cancelLook = system.after(1_000, lookLater);
    });
  }

  function sayWhatIsHeld(): void {
    const now = system.now();
    const held = consumers.filter(({ heldUntil }) => heldUntil > now);
    if (held.length === 0) return;
    const until = isoTime(Math.max(...held.map(({ heldUntil }) => heldUntil)));
    const names = held.map(({ name }) => name);
    system.log.info({ consumers: names, until }, `another process, or one that died, delivers messages until ${until}`);
  }

  return {
    async start() {
      stopWatching = store.watch((what, records) => {
        for (const consumer of all()) consumer.wake(what, records);
        if (what === "messages") lookLater();
      });
      await Promise.all(consumers.map((consumer) => consumer.start()));
      sayWhatIsHeld();
      lookLater();
    },
    async send(queue, outgoing) {
      const message = queued(outgoing, system);
      await store.send(queueConsumer(queue), [message]);
      return message.name;
    },
    async idle() {
      await lookForReplays();
      let handled: readonly boolean[];
      do handled = await Promise.all(all().map((consumer) => consumer.idle()));
      while (handled.includes(true));
    },
    async close(timeoutMs) {
      closing = true;
      cancelLook();
      stopWatching();
      await Promise.all(all().map((consumer) => consumer.close(timeoutMs)));
    },
  };
}
