import type { App } from "../../core/app.ts";
import type { Committed } from "../../core/broker/outbox.ts";
import { marginMs, type Message, type Outcome, type QueueConsumer } from "../../core/broker/receive.ts";
import { deliveryPolicy } from "../../core/messaging/policy.ts";
import type { Site } from "../faults.ts";
import type { Surroundings } from "../target.ts";

/** An instance as a platform sees it that invokes it. */
export interface Host {
  readonly name: string;
  /** How long the platform lets it work on a batch, milliseconds; what a queue hands out is hidden for six times as long. */
  readonly ms: number;
  /** By the names of their queues. */
  readonly consumers: ReadonlyMap<string, QueueConsumer>;
  /** Runs it in the instance; it may never answer. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Answers how many of the records, from the first one, are with the broker for sure. */
  relay(records: readonly Committed[]): Promise<number>;
  /** Answers what becomes of each message. */
  receive(consumer: string, messages: readonly Message[]): Promise<readonly Outcome[]>;
  readonly ended: Promise<void>;
}

/** The instances that a platform invokes. */
export interface Hosts {
  add(host: Host): void;
  remove(host: Host): void;
  count(): number;
  pick(random: () => number, has?: (host: Host) => boolean): Host | undefined;
  /** Calls back when there is one more. */
  watch(listener: () => void): void;
  /**
   * Has an instance do something, as a platform does it: the call or its answer may be lost, or come late, and it may be
   * made once more, to another instance. Resolves when the platform counts it as over.
   * @param hear is called with each answer that arrives
   */
  invoke<T>(site: Site, host: Host, work: (host: Host) => Promise<T>, hear: (answer: T) => void): Promise<void>;
}

/** How long the functions of an app may run, milliseconds: of a group one message is handled after the other. */
export function hostMsOf({ subscriptions, workers, timers }: App): number {
  const policies = [...subscriptions.values(), ...workers.values(), ...timers.values()].map(({ policy }) => policy);
  const longest = Math.max(...[deliveryPolicy("sends", {}), ...policies].map(({ timeoutMs }) => timeoutMs));
  return Math.max(60_000, 2 * (longest + marginMs));
}

export function createHosts({ scheduler, note }: Surroundings): Hosts {
  const hosts = new Set<Host>();
  const listeners: (() => void)[] = [];

  function pick(random: () => number, has: (host: Host) => boolean = () => true): Host | undefined {
    const found = [...hosts].filter(has);
    return found[Math.floor(random() * found.length)];
  }

  /** Until it has answered, has died, or has had its time. */
  function call<T>(host: Host, work: (host: Host) => Promise<T>, hear: (answer: T) => void): Promise<void> {
    return new Promise((resolve) => {
      const cancel = scheduler.after(host.ms, resolve);
      const end = (): void => {
        cancel();
        resolve();
      };
      void host.ended.then(end);
      const heard = (answer: T): void => {
        scheduler.after(1, () => {
          hear(answer);
          end();
        });
      };
      void host.run(() => work(host)).then(heard, end);
    });
  }

  return {
    add(host) {
      hosts.add(host);
      for (const listener of listeners) listener();
    },
    remove: (host) => void hosts.delete(host),
    count: () => hosts.size,
    pick,
    watch: (listener) => void listeners.push(listener),
    async invoke(site, host, work, hear) {
      const fate = site.pick(["cut", "duplicate", "slow"]);
      const isEarly = site.random() < 0.5;
      const lateMs = fate === "slow" ? 5_000 * site.random() : 0;
      await new Promise<void>((resolve) => void scheduler.after(0.1 + 5 * site.random() + lateMs, resolve));
      if (fate === "cut" && isEarly) return;
      if (fate === "duplicate") {
        scheduler.after(20_000 * site.random() ** 3, () => {
          const other = pick(site.random, ({ consumers }) =>
            [...host.consumers.keys()].every((name) => consumers.has(name)),
          );
          if (other) note("broker", `asks ${other.name} for what it has asked ${host.name} for`);
          if (other) void call(other, work, hear);
        });
      }
      await call(host, work, fate === "cut" ? () => {} : hear);
    },
  };
}
