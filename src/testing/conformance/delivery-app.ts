import { deepEqual } from "node:assert/strict";
import type { DeadLetter } from "../../core/delivery/port.ts";
import { holdfast, type App, type Holdfast } from "../../core/app.ts";
import { accept, reject } from "../../core/entity/decision.ts";
import type { Schema } from "../../core/entity/schema.ts";
import type { Entity, EntityRef, EntitySpec, Principal } from "../../core/entity/types.ts";
import { HoldfastError } from "../../core/errors.ts";
import type { StoredRecord, StreamId } from "../../core/journal/port.ts";
import { on } from "../../core/messaging/filter.ts";
import type { Subscription } from "../../core/messaging/types.ts";
import { systemPrincipal } from "../../core/runtime/authorize.ts";
import type { TestApp } from "../test-app.ts";
import type { DeliveryStore } from "./delivery-case.ts";

export interface Services {
  /** What handlers have seen, in order. */
  readonly seen: string[];
  /** Called by handlers; may throw. */
  act(what: string): void | Promise<void>;
}

export type Run = TestApp<DeliveryStore>;

export const second = 1_000;
export const minute: number = 60 * second;
export const hour: number = 60 * minute;

/** Longer than a lease lasts, milliseconds. */
export const leasePast = 11_000;

export const h: Holdfast<Services> = holdfast<Services>();

/** A schema of what the type says; `is` says no to the rest, if there is any. */
export function schemaOf<T>(is: (value: T) => boolean = () => true): Schema<T, T> {
  return {
    "~standard": {
      version: 1,
      vendor: "holdfast-testing",
      // What it is, `is` has to find out.
      validate: (value) => (is(value as T) ? { value: value as T } : { issues: [{ message: "It is not valid." }] }),
    },
  };
}

interface Command<Input, Codes extends string = never> {
  readonly input: Input;
  readonly reply: unknown;
  readonly codes: Codes;
}

interface Sum {
  readonly n: number;
  readonly tag?: string;
}

interface CounterSpec extends EntitySpec {
  readonly name: "counter";
  readonly state: { readonly sum: number };
  readonly view: { readonly sum: number };
  readonly events: { readonly added: Sum; readonly cleared: object };
  readonly commands: {
    readonly add: Command<Sum, "negative">;
    readonly addAll: Command<readonly number[]>;
    readonly clear: Command<undefined>;
    readonly addAndTell: Command<{ readonly n: number; readonly to: string }>;
    readonly addLater: Command<{ readonly n: number; readonly ms: number }>;
    readonly stopTimer: Command<undefined>;
  };
}

/** Counts; tells others; sets timers. */
export const counter: EntityRef<CounterSpec> & Pick<Entity<CounterSpec, unknown, Services>, "events"> = h
  .entity("counter", {
    initial: () => ({ sum: 0 }),
    events: { added: schemaOf<Sum>(), cleared: schemaOf<object>() },
    evolve: { added: (state, { n }) => ({ sum: state.sum + n }), cleared: () => ({ sum: 0 }) },
  })
  .command("add", {
    input: schemaOf<Sum>(),
    decide: (_, input, { events }) => (input.n < 0 ? reject("negative", "No.") : events.added(input)),
  })
  .command("addAll", {
    input: schemaOf<readonly number[]>(),
    decide: (_, ns, { events }) => ns.map((n) => events.added({ n })),
  })
  .command("clear", { decide: (_, __, { events }) => events.cleared({}) })
  .command("addAndTell", {
    input: schemaOf<{ readonly n: number; readonly to: string }>(),
    decide: (_, { n, to }, { events, send }) => {
      send(total, to).count({ n });
      return events.added({ n });
    },
  })
  .command("addLater", {
    input: schemaOf<{ readonly n: number; readonly ms: number }>(),
    decide: (_, { n, ms }, { schedule }) => {
      schedule("later", { afterMs: ms }).add({ n });
      return [];
    },
  })
  .command("stopTimer", {
    decide: (_, __, { cancel }) => {
      cancel("later");
      return [];
    },
  });

interface TotalSpec extends EntitySpec {
  readonly name: "total";
  readonly state: { readonly sum: number; readonly count: number };
  readonly view: { readonly sum: number; readonly count: number };
  readonly events: { readonly counted: { readonly n: number } };
  readonly commands: { readonly count: Command<{ readonly n: number }, "unlucky"> };
}

export const total: EntityRef<TotalSpec> & Pick<Entity<TotalSpec, unknown, Services>, "events"> = h
  .entity("total", {
    initial: () => ({ sum: 0, count: 0 }),
    events: { counted: schemaOf<{ readonly n: number }>() },
    evolve: { counted: (state, { n }) => ({ sum: state.sum + n, count: state.count + 1 }) },
  })
  .command("count", {
    input: schemaOf<{ readonly n: number }>(),
    decide: (_, input, { events }) => (input.n === 13 ? reject("unlucky", "13.") : accept([events.counted(input)])),
  });

interface DiarySpec extends EntitySpec {
  readonly name: "diary";
  readonly state: { readonly notes: readonly string[] };
  readonly view: { readonly notes: readonly string[] };
  readonly events: { readonly noted: { readonly what: string } };
  readonly commands: { readonly note: Command<{ readonly what: string }> };
}

/** What took effect, in its order. */
export const diary: EntityRef<DiarySpec> & Pick<Entity<DiarySpec, unknown, Services>, "events"> = h
  .entity("diary", {
    initial: () => ({ notes: [] as readonly string[] }),
    events: { noted: schemaOf<{ readonly what: string }>() },
    evolve: { noted: ({ notes }, { what }) => ({ notes: [...notes, what] }) },
  })
  .command("note", {
    input: schemaOf<{ readonly what: string }>(),
    decide: (_, input, { events }) => events.noted(input),
  });

/** Notes what it gets, and adds it to a total. */
export const totals: Subscription<Services> = h.subscription("totals", {
  to: [on(counter.events.added)],
  from: "beginning",
  maxAttempts: 3,
  handle: async (event, { call, services, attempt }) => {
    services.seen.push(`${event.subject}#${event.version}`);
    await services.act(`${event.subject}#${event.version}/${attempt}`);
    await call(total, "all").count({ n: event.data.n });
  },
});

/** Notes what it gets in the diary of the same name. */
export const diaries: Subscription<Services> = h.subscription("diaries", {
  to: [on(counter.events.added)],
  from: "beginning",
  maxAttempts: 3,
  handle: async (event, { call, services, attempt }) => {
    services.seen.push(`${event.subject}#${event.version}`);
    await services.act(`${event.subject}#${event.version}/${attempt}`);
    await call(diary, event.subject).note({ what: `${event.version}:${event.data.n}` });
  },
});

/** What adds numbers up, over all counters. */
export const summing: App<unknown, Services> = h.app({ entities: [counter, total], subscriptions: [totals] });

/** What notes each event of each counter. */
export const noting: App<unknown, Services> = h.app({ entities: [counter, diary], subscriptions: [diaries] });

export function newServices(act: Services["act"] = () => {}): Services {
  return { seen: [], act };
}

/** The store is down: nothing that is counted. */
export const later = (): HoldfastError => new HoldfastError("down", "The store is down.", { retry: "later" });

/** Lets that much time go by, step by step, and what falls due be handled, however long the store takes for it. */
export async function pass(run: Run, ms: number, stepMs = 500): Promise<void> {
  for (let left = ms; left > 0; left -= stepMs) {
    await run.clock.advance(Math.min(stepMs, left));
    await run.delivered();
  }
}

const principal: Principal = systemPrincipal;

export async function viewOf(run: Run, entity: string, id: string): Promise<unknown> {
  return (await run.view({ entity, id, principal })).view;
}

export async function sumIs(run: Run, expected: { readonly sum: number; readonly count: number }): Promise<void> {
  deepEqual(await viewOf(run, "total", "all"), expected);
}

export async function notesAre(run: Run, id: string, expected: readonly string[]): Promise<void> {
  deepEqual(await viewOf(run, "diary", id), { notes: expected });
}

export const erase = (run: Run, entity: string, id: string): Promise<void> => run.erase({ entity, id, principal });

export const dead = (run: Run): Promise<readonly DeadLetter[]> => run.journal.dead({ limit: 100 });

/** The reasons' codes of all dead letters. */
export async function deadCodes(run: Run): Promise<readonly string[]> {
  return (await dead(run)).map(({ reason }) => reason.code);
}

/** Redrives all dead letters. */
export async function redriveAll(run: Run): Promise<void> {
  await run.journal.redrive(
    (await dead(run)).map(({ id }) => id),
    run.clock.now(),
  );
}

/** A stream's records. */
export function recordsOf(run: Run, entity: string, id: string): Promise<readonly StoredRecord[]> {
  const stream: StreamId = { tenant: "default", entity, id };
  return run.journal.history(stream, { after: 0, limit: 1_000 });
}
