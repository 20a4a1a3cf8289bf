import { holdfast, HoldfastError } from "holdfast";
import { workflows, type UndoContext } from "holdfast/workflows";
import * as z from "zod";
import type { Outside } from "./app.ts";

/** What a step of a workflow has done outside: there it is known by its key. */
export interface Deed {
  readonly key: string;
  /** Id of the workflow. */
  readonly of: string;
  readonly what: string;
  readonly attempt: number;
}

const h = holdfast<Outside>();

const named = z.object({ errand: z.string() });

/** What a workflow has of an entity. */
export const desk = h
  .entity("desk", {
    initial: () => ({ taken: 0 }),
    events: { taken: named, freed: named },
    evolve: { taken: ({ taken }) => ({ taken: taken + 1 }), freed: ({ taken }) => ({ taken: taken - 1 }) },
    snapshotEvery: 20,
  })
  .command("take", {
    input: named,
    decide: (_, input, { events }) => events.taken(input),
  })
  .command("free", { input: named, decide: (_, input, { events }) => events.freed(input) });

/** What an errand is started with. */
const order = z.object({
  /** Unique in the workload. */
  mark: z.string(),
  desk: z.string(),
  /** Its last step fails, after it was done: for good, at the first attempt, or not at all. */
  fails: z.enum(["never", "once", "always"]),
  sleepMs: z.number(),
  waitMs: z.number(),
});

const stepRetry = { attempts: 100, firstMs: 200, maxMs: 2_000, never: ["refused"] } as const;

/** Does one thing after the other, two at once, and undoes it all where it fails or is cancelled. */
export const errand = workflows<Outside>()("errand", {
  input: order,
  signals: { go: z.object({ mark: z.string() }) },
  run: async ({ desk: at, fails, sleepMs, waitMs }, ctx) => {
    const perform = (what: string, failing: (attempt: number) => boolean = () => false) =>
      ctx.run(
        what,
        async ({ services, key, attempt }) => {
          await services.perform({ key, of: ctx.id, what, attempt });
          await services.pause();
          if (!failing(attempt)) return key;
          if (fails === "always") throw new HoldfastError("refused", `${what} fails ${fails}`);
          throw new HoldfastError("busy", `${what} fails ${fails}`, { retry: "later" });
        },
        { retry: stepRetry },
      );
    const undo = (what: string): void =>
      ctx.compensate(
        what,
        async ({ services, key, attempt }) => {
          await services.perform({ key, of: ctx.id, what: `undo ${what}`, attempt });
          await services.pause();
        },
        { retry: { firstMs: 200, maxMs: 2_000 } },
      );
    undo("book");
    const book = await perform("book");
    const free = { undo: ({ call }: UndoContext<Outside>) => call(desk, at).free({ errand: ctx.id }) };
    await ctx.call(desk, at, free).take({ errand: ctx.id });
    await ctx.sleep(sleepMs);
    const answer = await ctx.until("go", { timeoutMs: waitMs });
    undo("both");
    const [left, right] = await ctx.all([perform("left"), perform("right")]);
    const last = await perform("last", (attempt) => fails === "always" || (fails === "once" && attempt === 1));
    return { book, left, right, last, heard: answer.ok ? answer.data.mark : null };
  },
});
