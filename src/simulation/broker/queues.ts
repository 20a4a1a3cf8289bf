import { batchesOf, type Message, type Outcome } from "../../core/broker/receive.ts";
import type { MemoryBroker } from "../../memory/broker.ts";
import type { Surroundings } from "../target.ts";
import type { Host, Hosts } from "./hosts.ts";

/**
 * Has instances invoked with what the broker's queues hold, as many batches of a queue at once as its consumer says.
 * Answers how to have one looked at, of which a message may be handed out sooner.
 */
export function createPollers(world: Surroundings, broker: MemoryBroker, hosts: Hosts): (consumer: string) => void {
  const pollers = new Map<string, () => void>();
  function poll(consumer: string): void {
    let found = pollers.get(consumer);
    if (!found) pollers.set(consumer, (found = createPoller(consumer, world, broker, hosts)));
    found();
  }
  broker.watch(poll);
  hosts.watch(() => {
    for (const consumer of pollers.keys()) poll(consumer);
  });
  return poll;
}

function createPoller(
  consumer: string,
  { scheduler, fates, note }: Surroundings,
  broker: MemoryBroker,
  hosts: Hosts,
): () => void {
  const site = fates.site(`broker.${consumer}`);
  const { random } = site;
  let underWay = 0;
  let wakesAt = Infinity;
  let cancel = (): void => {};

  /** Looks at that time, unless it does so sooner. */
  function lookAt(time: number): void {
    if (time >= wakesAt) return;
    cancel();
    wakesAt = time;
    cancel = scheduler.after(time - scheduler.now(), look);
  }

  function look(): void {
    wakesAt = Infinity;
    const now = scheduler.now();
    for (;;) {
      const host = hosts.pick(random, ({ consumers }) => consumers.has(consumer));
      const queue = host?.consumers.get(consumer);
      // Whoever comes, or ends, calls back.
      if (!host || !queue) return;
      const { size, parallel } = batchesOf(queue.concurrency);
      if (underWay >= parallel) return;
      const messages = broker.receive(consumer, { now, limit: 1 + Math.floor(random() * size), hideMs: 6 * host.ms });
      if (messages.length === 0) break;
      underWay++;
      void handOut(host, messages).then(() => {
        underWay--;
        poll();
      });
    }
    const next = broker.nextAt(consumer, now);
    if (next < Infinity) lookAt(next);
  }

  async function handOut(host: Host, messages: readonly Message[]): Promise<void> {
    note(host.name, `gets ${messages.map(({ id, receives }) => `${id}#${receives}`).join(" ")} of ${consumer}`);
    await hosts.invoke(
      site,
      host,
      ({ receive }) => receive(consumer, messages),
      (outcomes) => settle(messages, outcomes),
    );
  }

  function settle(messages: readonly Message[], outcomes: readonly Outcome[]): void {
    for (const [i, message] of messages.entries()) {
      // The others come again when the instance has said, or when they are not hidden any more.
      if (outcomes[i]?.kind === "done") broker.settle(consumer, message, outcomes[i], scheduler.now());
    }
    poll();
  }

  function poll(): void {
    lookAt(scheduler.now() + 1 + 50 * random());
  }
  return poll;
}
