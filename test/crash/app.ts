import { accept, holdfast, on, reject } from "holdfast";
import * as z from "zod";
import { desk, errand, type Deed } from "./errand.ts";

/** One run of a handler, written down before it does anything. */
export interface Sighting {
  /** `everything`, `red`, `jobs` or `tick` */
  readonly handler: string;
  /** Of the event or message; of a tick, when it was due. */
  readonly id: string;
  /** The entity's id; empty where there is no entity. */
  readonly subject: string;
  /** 0 where there is no entity. */
  readonly version: number;
  readonly attempt: number;
}

/** What the app needs from whoever runs it. */
export interface Outside {
  /** Notes the deed so that a crash does not undo it; resolves when it is noted. */
  perform(deed: Deed): void | Promise<void>;
  /** Notes the sighting so that a crash does not undo it; resolves when it is noted. */
  see(sighting: Sighting): void | Promise<void>;
  /** Gives a crash the time to come between two steps of a handler. */
  pause(): Promise<void>;
}

const h = holdfast<Outside>();

const added = z.object({
  /** Unique in the workload. */
  mark: z.string(),
  colour: z.enum(["red", "blue"]),
  /** The handler of `everything` always, or at the first attempt only, fails. */
  fails: z.enum(["never", "once", "always"]),
});

/** What the events happen to. */
export const source = h
  .entity("source", {
    initial: () => ({ count: 0 }),
    events: { added, fired: z.object({ mark: z.string() }) },
    evolve: { added: ({ count }) => ({ count: count + 1 }), fired: ({ count }) => ({ count: count + 1 }) },
    snapshotEvery: 20,
  })
  .command("add", { input: added, decide: (_, input, { events }) => events.added(input) })
  .command("addTwo", {
    input: added,
    decide: (_, input, { events }) =>
      accept([events.added(input), events.added({ ...input, colour: "red", fails: "never" })]),
  })
  .command("tell", {
    input: added,
    decide: (_, input, { events, send, id }) => {
      send(inbox, `of-${id}`).receive({ mark: input.mark });
      return events.added(input);
    },
  })
  .command("fire", {
    input: z.object({ mark: z.string() }),
    decide: (_, { mark }, { events }) => events.fired({ mark }),
  })
  .command("later", {
    input: added.extend({ ms: z.number() }),
    decide: (_, { ms, ...input }, { events, schedule }) => {
      schedule(input.mark, { afterMs: ms }).fire({ mark: input.mark });
      return events.added(input);
    },
  });

const transfer = z.object({ mark: z.string(), amount: z.number() });

/** What answers depend on: balances, replies, rejections. */
export const account = h
  .entity("account", {
    initial: () => ({ balance: 0 }),
    events: { moved: transfer },
    evolve: { moved: ({ balance }, { amount }) => ({ balance: balance + amount }) },
    snapshotEvery: 20,
  })
  .command("deposit", {
    input: transfer,
    decide: ({ balance }, input, { events }) =>
      accept(events.moved(input), { reply: { balance: balance + input.amount } }),
  })
  .command("withdraw", {
    input: transfer,
    decide: ({ balance }, { mark, amount }, { events }) =>
      balance < amount
        ? reject("insufficient-funds", `There are ${balance}, not ${amount}.`)
        : accept(events.moved({ mark, amount: -amount }), { reply: { balance: balance - amount } }),
  })
  .command("charge", {
    input: transfer,
    remember: true,
    decide: ({ balance }, { mark, amount }, { events }) =>
      balance < amount
        ? reject("insufficient-funds", `There are ${balance}, not ${amount}.`)
        : accept(events.moved({ mark, amount: -amount }), { reply: { balance: balance - amount } }),
  });

/** Where sends arrive: one event for each, be it the second. */
export const inbox = h
  .entity("inbox", {
    initial: () => ({}),
    events: { received: z.object({ mark: z.string() }) },
    evolve: { received: (state) => state },
  })
  .command("receive", {
    input: z.object({ mark: z.string() }),
    decide: (_, input, { events }) => events.received(input),
  });

/** Where the effects of handlers show: one event for each, be it the second. */
export const effect = h
  .entity("effect", {
    initial: () => ({}),
    events: { recorded: z.object({ cause: z.string() }) },
    evolve: { recorded: (state) => state },
    snapshotEvery: 20,
  })
  .command("record", {
    input: z.object({ cause: z.string() }),
    decide: (_, input, { events }) => events.recorded(input),
  });

/** One of four: several handlers call the same entity at the same time, and what one entity causes is in one place. */
const targetOf = (id: string): string => `e${[...id].reduce((sum, char) => sum + (char.codePointAt(0) ?? 0), 0) % 4}`;

const retries = { maxAttempts: 3, retryFirstMs: 200, retryMaxMs: 2_000, timeoutMs: 600_000 } as const;

/** Gets everything that happens to a source, and fails where the event says so, after it had its effect. */
const everything = h.subscription("everything", {
  to: [on(source.events.added), on(source.events.fired)],
  from: "beginning",
  ...retries,
  handle: async (event, { call, attempt, services }) => {
    const { id, subject, version } = event;
    await services.see({ handler: "everything", id, subject, version, attempt });
    await services.pause();
    await call(effect, targetOf(subject)).record({ cause: `everything ${id}` });
    await services.pause();
    if (event.type !== "source.added") return;
    const { fails } = event.data;
    if (fails === "always" || (fails === "once" && attempt === 1)) throw new Error(`${id} fails ${fails}`);
  },
});

/** Gets what is red, and calls the same command of the same entity twice. */
const red = h.subscription("red", {
  to: [on(source.events.added, { colour: ["red"] })],
  from: "beginning",
  ...retries,
  handle: async ({ id, subject, version }, { call, attempt, services }) => {
    await services.see({ handler: "red", id, subject, version, attempt });
    await call(effect, targetOf(subject)).record({ cause: `red ${id} first` });
    await services.pause();
    await call(effect, targetOf(subject)).record({ cause: `red ${id} second` });
  },
});

const jobs = h.worker("jobs", {
  queue: "jobs",
  input: z.object({ job: z.string() }),
  ...retries,
  handle: async ({ job }, { call, attempt, message, services }) => {
    await services.see({ handler: "jobs", id: message.id, subject: "", version: 0, attempt });
    await services.pause();
    await call(effect, targetOf(job)).record({ cause: `job ${job}` });
  },
});

const tick = h.timer("tick", {
  cron: "* * * * *",
  ...retries,
  handle: async ({ call, attempt, tick: due, services }) => {
    await services.see({ handler: "tick", id: String(due), subject: "", version: 0, attempt });
    await services.pause();
    await call(effect, "e0").record({ cause: `tick ${due}` });
  },
});

/** The app that crashes. */
export const crashApp = h.app({
  entities: [source, inbox, effect, account, desk],
  workflows: [errand],
  subscriptions: [everything, red],
  workers: [jobs],
  timers: [tick],
});
