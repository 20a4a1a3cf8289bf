import type { Tables } from "@holdfast/tables-emulator";
import { createServiceBusBus } from "holdfast/azure/service-bus";
import {
  createMarkedTablesJournal,
  createTablesFailures,
  createTablesPlaces,
  scanRecords,
} from "holdfast/azure/tables";
import type { DeliveryContext, DeliveryStore, TestApp } from "holdfast/testing";
import { onTestFinished, vi } from "vitest";
import { createInstance, type InstancePorts } from "../../../src/azure/functions/instance.ts";
import { backfillInto } from "../../../src/cli/target/backfill.ts";
import type { Bus } from "../../../src/core/broker/bus.ts";
import type { Journal } from "../../../src/core/journal/port.ts";
import { createPatientSystem } from "../../aws/delivery/system.ts";
import { hostOn, type Platform } from "../../core/broker/host.ts";
import { createDeployment, type Deployment } from "./deployment.ts";
import { storeOf } from "./store.ts";
import type { Stretch } from "./stretches.ts";
import { createTraffic, type Traffic } from "./traffic.ts";
import { createTrigger } from "./trigger.ts";

/** How long nothing may happen until whoever waits for something is told that it does not come, seconds. */
const patienceSeconds = 5;

/** What comes between the instances that are started and what they share. */
export type Between = (ports: Pick<InstancePorts, "journal" | "bus">) => Pick<InstancePorts, "journal" | "bus">;

/**
 * Starts apps as Azure runs them: each instance is a function app, composed as its functions compose it, and what the
 * platform does around functions is done here. All instances of a case share a table, a topic, queues and timers.
 *
 * Time is virtual for the broker, too: it goes by a clock that stands at the time of the instance that is furthest, as this
 * process's `Date` does, which the SDKs ask. So locks, schedules and the ten minutes in which the topic knows duplicates
 * are the broker's own, in the cases' time. Requests take no time: an instance's clock waits for them.
 */
export function azureContext(
  emulator: () => Tables,
  between: Between = (ports) => ports,
): DeliveryContext & { close(): Promise<void> } {
  const traffic = createTraffic();
  const runs: TestApp<DeliveryStore>[] = [];
  let opened: Promise<Deployment> | undefined;
  let deployment: Deployment | undefined;
  let ended = false;
  const outside = {
    quiet: traffic.quiet,
    reach(now: number): void {
      if (ended) return;
      if (now > Date.now()) vi.setSystemTime(now);
      deployment?.clock.reach(now);
    },
  };
  const stopWatching = watchForStandstill(traffic);
  // A case that has failed for want of time must not go on into the next one's.
  onTestFinished(() => {
    ended = true;
    stopWatching();
    traffic.end();
    vi.useRealTimers();
  });

  return {
    async start(app, { services, ...options }) {
      const system = createPatientSystem(options, outside);
      await traffic.quiet();
      if (opened === undefined) vi.setSystemTime(system.now());
      opened ??= createDeployment(emulator(), traffic, app, system.now());
      const shared = (deployment = await opened);
      outside.reach(system.now());

      const client = shared.tables();
      const bus = countedBus(createServiceBusBus({ client: shared.serviceBus(), app, system }), traffic);
      const journal = firstAlone(createMarkedTablesJournal({ client, system }), traffic);
      const failures = createTablesFailures({ client, system });
      const places = createTablesPlaces({ client, system });
      const instance = createInstance(app, { ...between({ journal, bus }), failures, places, services }, { system });

      const isNew = shared.deploy(app, system.now());
      await backfillInto(
        {
          app,
          journal,
          bus,
          places,
          pages: scanRecords({ client, system }),
          now: system.now,
          pause: async () => {},
          report: () => {},
        },
        [...app.subscriptions.values()].filter(({ name, from }) => from === "beginning" && isNew.has(name)),
      );

      let closed = false;
      const triggers = new Map(
        [...instance.queues].map(([consumer, queue]) => [
          consumer,
          createTrigger({ consumer, queue, instance, system, deployment: shared, traffic }),
        ]),
      );
      const platform: Platform<Stretch> = {
        // Each has as many hands as it says itself.
        parallel: new Map([...triggers.keys()].map((consumer) => [consumer, Infinity])),
        fire() {
          outside.reach(system.now());
          return shared.timers.fire(app, { bus, system });
        },
        async relay() {
          if (!closed) await instance.publisher.idle();
          return false;
        },
        take: (consumer) => triggers.get(consumer)?.take(),
        handle: (_, { ended: over }) => over,
        nextAt: () => Math.min(shared.clock.nextAt(), shared.timers.nextAt()),
        watch: traffic.onChange,
        close() {
          closed = true;
          for (const trigger of triggers.values()) trigger.close();
        },
      };
      const store = storeOf(shared, { journal, failures, bus, system });
      const run = hostOn({ runtime: instance.runtime, system, store, failures }, platform);
      runs.push(run);
      return run;
    },
    async close() {
      for (const run of runs) await Promise.all([run.close(), run.clock.advance(60_000)]);
      await traffic.quiet();
      await deployment?.close();
    },
  };
}

/**
 * The second append waits until what follows from the first was handled: cases say which of two entities' events is seen
 * first, and of two sessions either may be.
 */
function firstAlone<Of extends Journal>(journal: Of, traffic: Traffic): Of {
  let count = 0;
  return {
    ...journal,
    async append(request: Parameters<Of["append"]>[0]) {
      if (++count === 2) await traffic.quiet();
      return journal.append(request);
    },
  };
}

/** A bus whose calls are under way; who waits for messages is told of what was sent. */
function countedBus(bus: Bus, traffic: Traffic): Bus {
  const counted = async <T>(call: Promise<T>): Promise<T> => {
    const result = await traffic.during(call);
    traffic.changed();
    return result;
  };
  return {
    publish: (events) => counted(bus.publish(events)),
    send: (consumer, messages) => counted(bus.send(consumer, messages)),
  };
}

/**
 * Who waits for something looks at the clock, which stands. Where nothing is sent for some seconds of real time, it moves
 * on by a day, so that they see that it does not come.
 */
function watchForStandstill(traffic: Traffic): () => void {
  let before = -1;
  let seconds = 0;
  const watching = setInterval(() => {
    seconds = traffic.count() === before ? seconds + 1 : 0;
    before = traffic.count();
    if (seconds > 0 && seconds % patienceSeconds === 0) vi.setSystemTime(Date.now() + 86_400_000);
  }, 1_000);
  return () => clearInterval(watching);
}
