import type { App } from "../core/app.ts";
import type { Delivery } from "../core/delivery/delivery.ts";
import type { Limits } from "../core/runtime/limits.ts";
import { createRuntime, type Runtime } from "../core/runtime/runtime.ts";
import { createRemote, type Remote } from "./calls.ts";
import type { Fates } from "./faults.ts";
import type { History } from "./history.ts";
import { createInstance, type Instance } from "./instance.ts";
import { observeHandlers, observeJournal, observeRuntime } from "./observe.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Ports, Target } from "./target.ts";

/** What a cluster of instances is made of. */
export interface ClusterPorts {
  readonly scheduler: Scheduler;
  readonly fates: Fates;
  readonly history: History;
  readonly target: Target;
  readonly skewMs: number;
  readonly limits: Partial<Limits>;
  /** What an instance of the app gets; its calls go through `remote`. */
  readonly services: (remote: Remote) => unknown;
  /** For whoever reads what happened. */
  note(who: string, what: string): void;
}

/** An instance that runs the app. */
export interface Member {
  readonly instance: Instance;
  readonly runtime: Runtime;
  readonly delivery: Delivery;
  readonly addReplay: Ports["addReplay"];
  /** It has registered its subscriptions and takes requests. */
  ready: boolean;
}

/** The instances of an app: a dead one is followed by another one after a while. */
export interface Cluster {
  /** Resolves when all are ready. */
  start(count: number): Promise<void>;
  /** One that takes requests, dead or frozen though it may have become in the meantime. */
  pick(random: () => number): Member | undefined;
  /** Replaces one after the other by an instance of another app. */
  rollOut(app: App): Promise<void>;
  /** Resolves when as many as are wanted are ready. */
  ready(): Promise<void>;
  /** All die at once. */
  crash(): void;
  /** All that are frozen wake up. */
  thaw(): void;
  /** Ends all but that many, in order, or by force where that takes too long. */
  shrink(count: number): Promise<void>;
}

/** How long an instance gets to stop in order, milliseconds. */
const stopMs = 30_000;

export function createCluster(first: App, ports: ClusterPorts): Cluster {
  const { scheduler, fates, history, target, note } = ports;
  const { random } = fates.site("cluster");
  const members = new Set<Member>();
  const poisoned = new Map<string, boolean>();
  let app = first;
  let started = 0;
  let wanted = 0;

  function begin(): Member {
    const name = `i${++started}`;
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => void (end = resolve));
    const instance = createInstance(name, ports, () => {
      end();
      note(name, "dies");
      members.delete(member);
      scheduler.after(100 + random() * 3_000, replace);
    });
    const remote = createRemote(instance, ports);
    const {
      journal: own,
      deliver,
      addReplay,
    } = target.connect({
      name,
      system: instance.system,
      remote,
      notify: (withinMs, task) => void scheduler.after(random() * withinMs, () => instance.enter(task)),
      ended,
    });
    const journal = observeJournal(own, history);
    const services = ports.services(remote);
    const observed = observeHandlers(app, instance, { history, fates, poisoned, note });
    const options = { journal, system: instance.system, services, limits: ports.limits };
    const runtime = observeRuntime(createRuntime(observed, options), instance, history);
    const delivery = deliver(runtime, { journal, services });
    const member: Member = { instance, runtime, delivery, addReplay, ready: false };
    members.add(member);
    note(name, "starts");
    delivery.start().then(
      () => {
        member.ready = true;
      },
      // As a process does that cannot begin.
      () => instance.crash(),
    );
    return member;
  }

  function replace(): void {
    if (members.size < wanted) begin();
  }

  async function allReady(): Promise<void> {
    while (members.size < wanted || [...members].some(({ ready }) => !ready)) await scheduler.sleep(10);
  }

  async function stop(member: Member): Promise<void> {
    member.ready = false;
    const { instance, delivery, runtime } = member;
    note(instance.name, "is asked to stop");
    let over = false;
    instance.enter(() => {
      const end = (): void => {
        over = true;
      };
      Promise.all([delivery.close(5_000), runtime.close()]).then(end, end);
    });
    for (let waited = 0; !over && waited < stopMs; waited += 50) await scheduler.sleep(50);
    members.delete(member);
    instance.crash();
  }

  return {
    async start(count) {
      wanted = count;
      for (let i = 0; i < count; i++) begin();
      await allReady();
    },
    pick(random) {
      const ready = [...members].filter((member) => member.ready);
      return ready[Math.floor(random() * ready.length)];
    },
    async rollOut(next) {
      app = next;
      // Those that are there now; not what takes their place.
      const before = [...members];
      for (const old of before) {
        await scheduler.sleep(random() * 2_000);
        if (!members.has(old)) continue;
        begin();
        await scheduler.sleep(random() * 1_000);
        await stop(old);
      }
    },
    ready: allReady,
    crash() {
      for (const { instance } of members) instance.crash();
    },
    thaw() {
      for (const { instance } of members) instance.thaw();
    },
    async shrink(count) {
      wanted = count;
      for (const member of [...members].slice(0, Math.max(0, members.size - count))) await stop(member);
      while (members.size < count) begin();
      await allReady();
    },
  };
}
