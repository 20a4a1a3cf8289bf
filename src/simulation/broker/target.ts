import { backfillParcels } from "../../core/broker/catch-up.ts";
import { queueConsumers } from "../../core/broker/queues.ts";
import { createReceiver, idAttribute, type Message, type Outcome } from "../../core/broker/receive.ts";
import { createDeadLetters } from "../../core/broker/redrive.ts";
import { createMarks } from "../../core/broker/marks.ts";
import { createPublisher, type Publisher } from "../../core/broker/publisher.ts";
import { createRelay } from "../../core/broker/relay.ts";
import { createOutboxJournal, wakeUps, wakeUpsQueue } from "../../core/broker/wake-ups.ts";
import { queued } from "../../core/delivery/outgoing.ts";
import type { DeliveryPorts } from "../../core/delivery/ports.ts";
import { subscriptionConsumer } from "../../core/delivery/subscriptions.ts";
import { queueConsumer } from "../../core/delivery/workers.ts";
import type { Journal } from "../../core/journal/port.ts";
import type { SubscriptionDefinition } from "../../core/messaging/definition.ts";
import { createMemoryBroker, type MemoryBroker } from "../../memory/broker.ts";
import { createMemoryFailures } from "../../memory/failures.ts";
import { createMemoryJournal } from "../../memory/journal.ts";
import { createMemoryMarks } from "../../memory/marks.ts";
import { createMemoryPlaces } from "../../memory/places.ts";
import { consumersOf, remoteJournal } from "../store-target.ts";
import type { Connection, Ports, Surroundings, Target, Waiting } from "../target.ts";
import { createHosts, hostMsOf, type Host } from "./hosts.ts";
import { createFront, createRemoteBus, remoteFailures, remoteMarks, remotePlaces } from "./ports.ts";
import { createPollers } from "./queues.ts";
import { createSchedules, scheduleLateMs } from "./schedules.ts";
import { createChangeStream } from "./stream.ts";

/** Longest time that a queue hides a message, milliseconds. */
const delayMaxMs = 42_300_000;
/** Two clocks are not further apart, milliseconds. */
const clocksMs = 60_000;
/** How long before its end an instance begins to relay nothing more, milliseconds. */
const relayMarginMs = 2_000;

/**
 * A store with a stream of changes, and a broker, as AWS has them: the stream hands out what was committed, instances
 * relay it, the broker copies it to queues, and hands it out to instances. All of it happens at least once, and late.
 */
export function createBrokerTarget(world: Surroundings): Target {
  return createTarget(world, true);
}

/**
 * A store that tells nobody of what was committed, and a broker, as Azure has them: who commits publishes, and what it
 * leaves behind is published by wake-ups, which it has scheduled before.
 */
export function createOutboxTarget(world: Surroundings): Target {
  return createTarget(world, false);
}

function createTarget(world: Surroundings, hasStream: boolean): Target {
  const { scheduler, fates } = world;
  const journal = createMemoryMarks(createMemoryJournal());
  const failures = createMemoryFailures();
  const places = createMemoryPlaces();
  const broker = createMemoryBroker(() => Math.floor(scheduler.now()));
  const front = createFront(broker, world);
  const hosts = createHosts(world);
  const changes = hasStream ? createChangeStream(world, journal, hosts) : undefined;
  const schedule = createSchedules(world, broker, hosts);
  const { random } = fates.site("broker.deploy");
  const poll = createPollers(world, broker, hosts);
  let calmSince: number | undefined;

  const erasing: Journal = {
    ...journal,
    async erase(stream, tombstone) {
      await journal.erase(stream, tombstone);
      await failures.blank(stream);
    },
  };

  /** What infrastructure does when code is rolled out, and after it whoever has older events sent to new subscriptions. */
  function deploy(ports: DeliveryPorts): void {
    const { app } = ports.runtime;
    schedule(app);
    for (const definition of front.deploy(app)) {
      if (definition.from === "beginning") scheduler.after(10_000 * random(), () => void backfill(ports, definition));
    }
  }

  async function backfill(ports: DeliveryPorts, definition: SubscriptionDefinition): Promise<void> {
    const spec = subscriptionConsumer(ports, definition);
    const records = await journal.recordsAfter(0, Infinity);
    await broker.send(spec.name, backfillParcels(spec, records));
    await places.setBackfilled(spec.name, Math.floor(scheduler.now()) + clocksMs);
  }

  function connect({ name, system, remote, notify, ended }: Connection): Ports {
    const own = remoteJournal(erasing, remote);
    const marks = hasStream ? undefined : createMarks();
    let publisher: Publisher | undefined;
    return {
      journal: marks
        ? createOutboxJournal({
            journal: own,
            bus: createRemoteBus({ send: front.send, publish: broker.publish }, world, { name, remote }),
            marks,
            system,
            publish: (committed) => publisher?.publish(committed),
          })
        : own,
      deliver(runtime, { journal: own, services }) {
        const { app } = runtime;
        const bus = createRemoteBus(front.of(app), world, { name, remote });
        const rows = remoteFailures(failures, remote);
        const relay = createRelay({ app, bus, journal: own, failures: rows, system, ...(marks && { marks }) });
        const ports = { bus, failures: rows, places: remotePlaces(places, remote), journal: own, system };
        const receive = createReceiver(ports);
        const consumers = new Map(queueConsumers({ runtime, journal: own, services }));
        if (marks) {
          publisher = createPublisher({ relay, marks, system });
          consumers.set(wakeUps, wakeUpsQueue({ journal: remoteMarks(journal, remote), relay, marks, system }));
        }
        const running = new Set<Promise<unknown>>();
        let turn: Promise<unknown> = Promise.resolve();

        /** Where it fails, the messages come when they are not hidden any more. */
        async function postpone(
          consumer: string,
          messages: readonly Message[],
          outcomes: readonly Outcome[],
        ): Promise<void> {
          const again = messages.flatMap((message, i) => {
            const outcome = outcomes[i];
            return outcome?.kind === "again" ? [[message, secondsOf(outcome)] as const] : [];
          });
          if (again.length === 0) return;
          const change = (): void => {
            for (const [message, outcome] of again) broker.settle(consumer, message, outcome, scheduler.now());
            poll(consumer);
          };
          await remote("changeVisibility", change).catch(() => {});
        }

        const ms = hostMsOf(app);
        const host: Host = {
          name,
          ms,
          consumers,
          ended,
          run: (work) =>
            new Promise((resolve, reject) => {
              notify(1, () => {
                const done = work();
                running.add(done);
                void done.then(resolve, reject).finally(() => running.delete(done));
              });
            }),
          async relay(records) {
            // One after the other: two at once would mix up a stream's order.
            const relaying = turn.then(() => relay.relay(records, system.now() + ms - relayMarginMs));
            turn = relaying;
            const [first] = await relaying;
            return first === undefined ? records.length : records.indexOf(first);
          },
          async receive(consumer, messages) {
            const queue = consumers.get(consumer);
            if (!queue) throw new Error(`Nobody handles ${consumer}.`);
            const outcomes = await receive(consumer, messages, queue, system.now() + ms);
            await postpone(consumer, messages, outcomes);
            return outcomes;
          },
        };
        return {
          async start() {
            deploy({ runtime, journal, services });
            hosts.add(host);
            void ended.then(() => hosts.remove(host));
          },
          async send(queue, outgoing) {
            const { name: id, body = "", attributes } = queued(outgoing, system);
            // Text that `queued` wrote.
            const others = JSON.parse(attributes ?? "{}") as { readonly [name: string]: string };
            const parcel = { id, body, attributes: { ...others, [idAttribute]: id } };
            await remote("send", () => broker.send(queueConsumer(queue), [parcel]));
            return id;
          },
          // What is under way waits in its queue as well.
          idle: async () => {},
          async close(timeoutMs) {
            hosts.remove(host);
            const late = new Promise<void>((resolve) => void system.after(timeoutMs, resolve));
            await Promise.race([late, Promise.allSettled([...running, publisher?.idle()])]);
          },
        };
      },
    };
  }

  return {
    journal: erasing,
    letters: createDeadLetters(failures, broker),
    hasReplays: false,
    lateMs: scheduleLateMs,
    // Wake-ups come after 90 s.
    aftermathMs: hasStream ? 0 : 120_000,
    async waiting(app, now) {
      const unrelayed = (changes?.waiting() ?? []).map(({ stream, record }) => {
        return `stream: record ${record.sequence} of ${stream.entity} ${stream.id} is not relayed`;
      });
      // Asked when nothing fails any more: what is committed from then on needs no wake-up, and cron timers commit for ever.
      calmSince ??= now;
      const queues = consumersOf(app).map((consumer) => waitingIn(broker, consumer, now));
      queues.push(waitingIn(broker, wakeUps, now, calmSince));
      return {
        overdue: [...unrelayed, ...queues.flatMap(({ overdue }) => overdue)],
        nextAt: queues.reduce<number | undefined>(
          (earliest, { nextAt = Infinity }) => (nextAt < (earliest ?? Infinity) ? nextAt : earliest),
          undefined,
        ),
      };
    },
    connect,
  };
}

function waitingIn(broker: MemoryBroker, consumer: string, now: number, sentUntil = Infinity): Waiting {
  const overdue: string[] = [];
  let earliest: number | undefined;
  for (const { message, visibleAt } of broker.waiting(consumer)) {
    const { id, group = "", receives, sent } = message;
    if (sent > sentUntil) continue;
    if (receives > 0) overdue.push(`${consumer}: ${id} ${group} was handed out ${receives} times and is not done`);
    else if (visibleAt <= now) overdue.push(`${consumer}: ${id} ${group} waits`);
    else earliest = Math.min(earliest ?? visibleAt, visibleAt);
  }
  return { overdue, nextAt: earliest };
}

function secondsOf({ delayMs }: Outcome & { readonly kind: "again" }): Outcome {
  return { kind: "again", delayMs: Math.min(delayMaxMs, 1_000 * Math.ceil(delayMs / 1_000)) };
}
