import { accept, holdfast, on, reject, type Subscription } from "holdfast";
import * as z from "zod";

export interface Services {
  /** What handlers have seen, in order. */
  readonly seen: string[];
  /** Called by handlers; may throw. */
  act(what: string): void | Promise<void>;
}

export const h = holdfast<Services>();

/** Counts; tells others; sets timers. */
export const counter = h
  .entity("counter", {
    initial: () => ({ sum: 0 }),
    events: { added: z.object({ n: z.number(), tag: z.string().optional() }), cleared: z.object({}) },
    evolve: { added: (state, { n }) => ({ sum: state.sum + n }), cleared: () => ({ sum: 0 }) },
  })
  .command("add", {
    input: z.object({ n: z.number(), tag: z.string().optional() }),
    decide: (state, input, { events }) =>
      input.n < 0 ? reject("negative", "No.") : accept(events.added(input), { reply: { sum: state.sum + input.n } }),
  })
  .command("clear", { decide: (_, __, { events }) => events.cleared({}) })
  .command("addAndTell", {
    input: z.object({ n: z.number(), to: z.string() }),
    decide: (_, { n, to }, { events, send }) => {
      send(total, to).count({ n });
      return events.added({ n });
    },
  })
  .command("addLater", {
    input: z.object({ n: z.number(), ms: z.number() }),
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

export const total = h
  .entity("total", {
    initial: () => ({ sum: 0, count: 0 }),
    events: { counted: z.object({ n: z.number() }) },
    evolve: { counted: (state, { n }) => ({ sum: state.sum + n, count: state.count + 1 }) },
  })
  .command("count", {
    input: z.object({ n: z.number() }),
    decide: (_, input, { events }) => (input.n === 13 ? reject("unlucky", "13.") : events.counted(input)),
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

export function newServices(act: Services["act"] = () => {}): Services {
  return { seen: [], act };
}
