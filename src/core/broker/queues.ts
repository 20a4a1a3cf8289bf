import { cronConsumer, tickAt, tickBody } from "../delivery/crons.ts";
import type { DeliveryPorts } from "../delivery/ports.ts";
import { sendsConsumer } from "../delivery/sends.ts";
import type { ConsumerSpec } from "../delivery/spec.ts";
import { subscriptionConsumer } from "../delivery/subscriptions.ts";
import { timersConsumer } from "../delivery/timers.ts";
import { workerConsumer } from "../delivery/workers.ts";
import { HoldfastError } from "../errors.ts";
import { rowOf, type Message, type QueueConsumer, type Task } from "./receive.ts";
import { readReference, readTimer } from "./wire.ts";

/**
 * The queues of an app, by the names of their consumers: `sends`, `timers` (those of entities and those of the app),
 * `subscription:<name>`, `queue:<name>`.
 */
export function queueConsumers(ports: DeliveryPorts): ReadonlyMap<string, QueueConsumer> {
  const { subscriptions, workers } = ports.runtime.app;
  const subscribing = [...subscriptions.values()].map((definition) => subscriptionConsumer(ports, definition));
  const working = [...workers.values()].map((definition) => workerConsumer(ports, definition));
  const sends = sendsConsumer(ports);
  return new Map([
    [sends.name, consumerOf(sends, reference)],
    ...subscribing.map((spec) => [spec.name, { ...consumerOf(spec, reference), start: spec.start }] as const),
    ...working.map((spec) => [spec.name, consumerOf(spec, foreign)] as const),
    ["timers", timersQueue(ports)],
  ]);
}

function consumerOf(spec: ConsumerSpec, workOf: (message: Message) => Task["work"]): QueueConsumer {
  return {
    concurrency: spec.policy.concurrency,
    read: (message) => ({ spec, work: workOf(message) }),
  };
}

function reference({ body }: Message): Task["work"] {
  const { again, catchUp, isPublished, ...reference } = readReference(body);
  return { reference, again, catchUp, isPublished };
}

function foreign(message: Message): Task["work"] {
  return { reference: undefined, message: rowOf(message) };
}

function timersQueue(ports: DeliveryPorts): QueueConsumer {
  const { app, system } = ports.runtime;
  const spec = timersConsumer(ports);
  const crons = new Map([...app.timers].map(([name, definition]) => [name, cronConsumer(ports, definition)]));

  return {
    concurrency: spec.policy.concurrency,
    read({ body, sent, receives }) {
      const asked = readTimer(body);
      const row = { id: 0, created: sent };
      if ("stream" in asked) return { spec, work: { reference: undefined, message: { ...row, ...asked } } };
      const { timer, at, isTick } = asked;
      const definition = app.timers.get(timer);
      const cron = crons.get(timer);
      if (!definition || !cron) throw new HoldfastError("unknown-timer", `The app has no timer "${timer}".`);
      // Once begun, every attempt is at the same tick.
      const now = receives > 1 ? at : system.now();
      const tick = isTick ? at : tickAt(definition, at, now);
      if (tick === undefined) return undefined;
      return { spec: cron, work: { reference: undefined, message: { ...row, body: tickBody(definition, tick) } } };
    },
  };
}
