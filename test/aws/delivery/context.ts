import { createDynamoFailures, createDynamoJournal, createDynamoPlaces, scanRecords } from "holdfast/aws/dynamodb";
import {
  type Container,
  createChangeVisibility,
  createContainer,
  createQueueHandler,
  createStreamHandler,
} from "holdfast/aws/lambda";
import { createSnsSqsBus, queueName } from "holdfast/aws/sns-sqs";
import type { DeliveryContext, DeliveryStore, TestApp, VirtualSystem } from "holdfast/testing";
import { onTestFinished, vi } from "vitest";
import { awsPlan, type PlannedQueue } from "holdfast/aws/plan";
import { backfillInto } from "../../../src/cli/target/backfill.ts";
import type { App } from "../../../src/core/app.ts";
import type { Journal } from "../../../src/core/journal/port.ts";
import { hostOn, type Platform } from "../../core/broker/host.ts";
import { lambdaContext } from "../lambda/fixtures.ts";
import { createDeployment, type Deployment, type Endpoints } from "./deployment.ts";
import { type Batch, handle, receive } from "./queue.ts";
import { storeOf } from "./store.ts";
import { createMapping } from "./stream.ts";
import { createPatientSystem } from "./system.ts";
import { createTraffic, type Traffic } from "./traffic.ts";

/** How long nothing may happen until whoever waits for something is told that it does not come, seconds. */
const patienceSeconds = 5;

/** What schedules have sent while nothing ran for longer than that, the queue has dropped. Source: infra/aws/stack.ts */
const retentionMs = 14 * 86_400_000;

/**
 * Starts apps as AWS runs them: each instance is a container of the functions for the stream and for the queues, and what
 * Lambda does around them is done here. All instances of a case share a table, a topic, queues and a scheduler.
 *
 * Time is virtual for the emulators of SNS, SQS and EventBridge Scheduler, too: they run in this process and ask its
 * `Date`, which stands at the time of the instance that is furthest. So delays, time-outs of visibility and the five minutes
 * in which a FIFO queue knows duplicates are the emulators' own, in the cases' time: what is sent twice within them is
 * there once, what is sent again later comes again, and the receiver has to see that it has no effect. The emulator of
 * DynamoDB is a process of its own; nothing here rests on its clock. Requests take no time: an instance's clock waits for them.
 */
export function awsContext(endpoints: () => Endpoints): DeliveryContext & { close(): Promise<void> } {
  const traffic = createTraffic(() => Date.now());
  const runs: TestApp<DeliveryStore>[] = [];
  let ended = false;
  const outside = {
    quiet: traffic.quiet,
    reach: (now: number): void => {
      if (!ended && now > Date.now()) vi.setSystemTime(now);
    },
  };
  const stopWatching = watchForStandstill(traffic);
  // A case that has failed for want of time must not go on into the next one's.
  onTestFinished(() => {
    ended = true;
    stopWatching();
    traffic.end();
  });
  let opened: Promise<World> | undefined;

  return {
    async start(app, { services, ...options }) {
      opened ??= open(endpoints(), traffic);
      const world = await opened;
      const { deployment, mapping } = world;
      const system = createPatientSystem(options, outside);
      await traffic.quiet();
      const kept = Math.max(Date.now(), system.now() - retentionMs);
      outside.reach(system.now());

      const plan = awsPlan(app);
      const container = containerOf(app, services, system, world);
      const [{ runtime, journal }, { bus, failures, places }] = await Promise.all([
        container.instance(),
        container.messaging(),
      ]);
      const streamHandler = createStreamHandler(container);
      const queueHandler = createQueueHandler(container);
      const relay = (): Promise<boolean> =>
        mapping.next(streamHandler, lambdaContext(system, plan.streamSeconds * 1_000), system.now());

      // What was committed before this is deployed is relayed all the same.
      while (await relay());
      const isNew = await deployment.deploy(plan, { kept, now: system.now() });
      const pages = scanRecords({ client: deployment.clients.dynamo, table: deployment.table, system });
      await backfillInto(
        { app, journal, bus, places, pages, now: system.now, pause: async () => {}, report: () => {} },
        [...app.subscriptions.values()].filter(
          ({ name, from }) => from === "beginning" && isNew.has(`subscription:${name}`),
        ),
      );

      let closed = false;
      const queues = new Map(plan.queues.map((queue) => [queue.consumer, queue]));
      const queueOf = (consumer: string): PlannedQueue => queues.get(consumer) as PlannedQueue;
      const named = plan.queues.map(({ name }) => `${deployment.prefix}${name}`);
      const platform: Platform<Batch> = {
        parallel: new Map(plan.queues.map(({ consumer, parallel }) => [consumer, parallel])),
        fire() {
          outside.reach(system.now());
          return nextSchedule(deployment) <= Date.now() ? fire(deployment, traffic) : undefined;
        },
        relay: async () => !closed && (await relay()),
        take(consumer) {
          const queue = queueOf(consumer);
          if (!traffic.isDue(`${deployment.prefix}${queue.name}`)) return undefined;
          return receive(queue, deployment, traffic, Date.now());
        },
        handle(consumer, batch) {
          const queue = queueOf(consumer);
          const context = lambdaContext(system, queue.timeoutSeconds * 1_000);
          return handle(queue, deployment, traffic, batch, queueHandler, context);
        },
        nextAt: () => Math.min(traffic.nextAt(named), nextSchedule(deployment), mapping.retryAt()),
        watch: traffic.onChange,
        close() {
          closed = true;
        },
      };
      const store = storeOf(deployment, { journal, failures, bus, system });
      const run = hostOn({ runtime, system, store, failures }, platform);
      runs.push(run);
      return run;
    },
    async close() {
      for (const run of runs) await Promise.all([run.close(), run.clock.advance(60_000)]);
      await traffic.quiet();
      await (await opened)?.deployment.close();
    },
  };
}

interface World {
  readonly traffic: Traffic;
  readonly deployment: Deployment;
  readonly mapping: ReturnType<typeof createMapping>;
}

async function open(endpoints: Endpoints, traffic: Traffic): Promise<World> {
  const deployment = await createDeployment(endpoints, traffic);
  return { traffic, deployment, mapping: createMapping(deployment, traffic) };
}

/** As `createDeployment` of `holdfast/aws/lambda` composes it, on the case's clients and its virtual time. */
function containerOf(app: App, services: unknown, system: VirtualSystem, world: World): Container {
  const { deployment, traffic } = world;
  const { clients, table, topic, queues, schedules, prefix } = deployment;
  const dynamo = { client: clients.dynamo, table, system };
  return createContainer(app, {
    system,
    queuePrefix: prefix,
    open: async () => ({ journal: firstAlone(createDynamoJournal(dynamo), traffic), services }),
    openMessaging: async () => ({
      bus: createSnsSqsBus({ sns: clients.sns, sqs: clients.sqs, topic, queues, app, system, schedules }),
      failures: createDynamoFailures(dynamo),
      places: createDynamoPlaces(dynamo),
      changeVisibility: createChangeVisibility(clients.sqs, queues),
    }),
  });
}

/**
 * The first commit is answered when all that follows from it was handed out. A batch lasts as long as its slowest message,
 * and what was handed out with a handler that hangs has its groups held until then: so the first event has a batch of its own.
 */
function firstAlone(journal: Journal, traffic: Traffic): Journal {
  let isFirst = true;
  return {
    ...journal,
    async append(request) {
      const waits = isFirst;
      isFirst = false;
      const result = await journal.append(request);
      if (waits) await traffic.quiet();
      return result;
    },
  };
}

function nextSchedule({ scheduler }: Deployment): number {
  return Math.min(Infinity, ...[...scheduler.pending().values()].map(({ next = Infinity }) => next));
}

async function fire({ scheduler, prefix }: Deployment, traffic: Traffic): Promise<void> {
  await traffic.during(scheduler.fire());
  traffic.expect(`${prefix}${queueName("timers")}`, Date.now());
  traffic.changed();
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
