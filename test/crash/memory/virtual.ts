import { createRuntime, systemPrincipal, type Journal, type Runtime, type System } from "holdfast";
import type { createMemoryJournal } from "holdfast/memory";
import { createDelivery, type Delivery } from "../../../src/core/delivery/delivery.ts";
import { crashApp, type Sighting } from "../app.ts";
import type { Deed } from "../errand.ts";
import type { Delivered } from "../observed.ts";

type MemoryJournal = ReturnType<typeof createMemoryJournal>;

/** An instance of the crashing app, in memory. */
export interface Instance {
  readonly runtime: Runtime;
  readonly delivery: Delivery;
}

/** What a process has of the outside world, until it dies: nothing answers it any more then, and nothing wakes it. */
export function createMortal(
  journal: MemoryJournal,
  system: System,
): { readonly journal: MemoryJournal; readonly system: System; die(): void } {
  let dead = false;
  const alive =
    <Args extends readonly unknown[]>(task: (...args: Args) => void) =>
    (...args: Args): void => {
      if (!dead) task(...args);
    };
  const never = new Promise<never>(() => {});
  return {
    journal: new Proxy(journal, {
      get(target, name) {
        if (name === "watch") return ((listener) => target.watch(alive(listener))) satisfies MemoryJournal["watch"];
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...args: readonly unknown[]): unknown => (dead ? never : Reflect.apply(member, target, args));
      },
    }),
    system: {
      ...system,
      after: (delayMs, task) => system.after(delayMs, alive(task)),
      soon: (task) => system.soon(alive(task)),
    },
    die() {
      dead = true;
    },
  };
}

/** Starts one on a journal; what it sees goes to the end of `sightings`. */
export async function startInstance(
  journal: MemoryJournal,
  system: System,
  sightings: Sighting[],
  broken: Journal = journal,
  deeds: Deed[] = [],
): Promise<Instance> {
  const services = {
    see: (sighting: Sighting) => void sightings.push(sighting),
    perform: (deed: Deed) => void deeds.push(deed),
    pause: () => Promise.resolve(),
  };
  const runtime = createRuntime(crashApp, { journal: broken, system, services });
  const delivery = createDelivery(runtime, { store: journal, journal, services });
  await delivery.start();
  return { runtime, delivery };
}

/** A workload on one instance at a time: what was asked for, and the way to ask for the next. */
export interface Workload {
  readonly acknowledged: string[];
  readonly jobs: string[];
  /** One of everything that the app does; each call takes the next marks. */
  ask(instance: Instance): Promise<void>;
}

export function createWorkload(): Workload {
  const acknowledged: string[] = [];
  const jobs: string[] = [];
  let n = 0;
  return {
    acknowledged,
    jobs,
    async ask({ runtime, delivery }) {
      const command = async (id: string, name: string, rest: object): Promise<void> => {
        const mark = `m${++n}`;
        const input = { mark, colour: n % 2 === 0 ? "red" : "blue", fails: "never", ...rest };
        await runtime.execute({ entity: "source", id, command: name, key: mark, input, principal: systemPrincipal });
        acknowledged.push(mark);
      };
      for (const id of ["good", "bad"]) {
        await command(id, "add", { fails: id === "bad" ? "always" : "never" });
        await command(id, "addTwo", { fails: id === "bad" ? "once" : "never" });
        await command(id, "tell", {});
        await command(id, "later", { ms: 1 + ((n * 7_919) % 120_000) });
      }
      const job = `j${++n}`;
      await delivery.send("jobs", { id: job, body: JSON.stringify({ job }) });
      jobs.push(job);
    },
  };
}

const consumers = [
  "sends",
  "timers",
  "subscription:everything",
  "subscription:red",
  "subscription:errand",
  "queue:jobs",
  "timer:tick",
];

/** What the journal shows. */
export async function observe(
  journal: MemoryJournal,
  sightings: readonly Sighting[],
  { acknowledged, jobs }: Workload,
): Promise<Delivered> {
  const waiting: string[] = [];
  for (const consumer of consumers) {
    const { messages, parkedAt } = await journal.due(consumer, { now: Infinity, limit: 1_000 });
    if (parkedAt !== undefined) waiting.push(`${consumer}: a parked entity`);
    for (const message of messages) {
      if (consumer !== "timer:tick" || message.failures) waiting.push(`${consumer}: ${JSON.stringify(message)}`);
    }
  }
  const records = await journal.recordsAfter(0, 1_000_000);
  return {
    records,
    sightings,
    dead: await journal.dead({ limit: 100_000 }),
    waiting,
    acknowledged,
    jobs,
    interruptions: 0,
  };
}
