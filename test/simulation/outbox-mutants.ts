import type { Mutant, Patch } from "./mutants.ts";

const one = (file: string, find: string, replace: string): readonly Patch[] => [{ file, find, replace }];
const wakeUps = "core/broker/wake-ups.ts";

/** Broken code of stores that tell nobody of their records, which the simulator must notice where its target is one. */
export const outboxMutants: readonly Mutant[] = [
  {
    name: "outbox: no wake-up is scheduled",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered", "sends", "timers"],
    patches: one(
      wakeUps,
      "hasNews(record.entries) ? await cover(stream, record.sequence - 1) : undefined",
      "undefined",
    ),
  },
  {
    name: "outbox: the wake-up is scheduled after the append",
    app: "random",
    seeds: 200,
    caughtBy: ["delivered", "sends", "timers"],
    patches: [
      {
        file: wakeUps,
        find: "hasNews(record.entries) ? await cover(stream, record.sequence - 1) : undefined",
        replace: "undefined",
      },
      {
        file: wakeUps,
        find: 'if (result !== "stored") return result;',
        replace:
          'if (hasNews(record.entries)) await cover(stream, record.sequence - 1); if (result !== "stored") return result;',
      },
    ],
  },
  {
    name: "outbox: a wake-up comes before the append is settled, and never again",
    app: "random",
    seeds: 80,
    caughtBy: ["delivered", "sends", "timers"],
    patches: one(wakeUps, "const dueMs = 90_000;", "const dueMs = 100;"),
  },
  {
    name: "outbox: publishing is noted before it is done",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered", "sends", "timers"],
    patches: [
      {
        file: wakeUps,
        find: "        marks.raise(streamKey(stream), published);",
        replace:
          "        marks.raise(streamKey(stream), published); if (records.length > 0) await journal.setPublished(stream, records.at(-1)?.sequence ?? 0);",
      },
    ],
  },
  {
    name: "outbox: what a wake-up could not publish is passed over",
    app: "random",
    seeds: 40,
    caughtBy: ["delivered", "sends", "timers"],
    patches: one(wakeUps, "if (left.length > 0) throw unpublished(stream, left.length);", ""),
  },
  {
    name: "outbox: a record says that it is published itself",
    app: "random",
    seeds: 20,
    caughtBy: ["delivered", "sends", "timers", "ordered"],
    patches: one(
      wakeUps,
      "...(published !== undefined && { published })",
      "...(published !== undefined && { published: record.sequence })",
    ),
  },
  {
    name: "outbox: who commits publishes its own record, whatever is missing before it",
    app: "random",
    seeds: 20,
    caughtBy: ["ordered", "delivered", "sends"],
    patches: one(
      "core/broker/relay.ts",
      "before !== undefined && sequence > before + 1 && !lane.blocked",
      "false as boolean",
    ),
  },
  {
    name: "outbox: it publishes though it does not know from where",
    app: "random",
    seeds: 20,
    caughtBy: ["ordered", "delivered", "sends"],
    patches: [
      {
        file: wakeUps,
        find: "if (loaded.published !== undefined) marks.raise(streamKey(stream), loaded.published);",
        replace: "",
      },
      {
        file: "core/broker/publisher.ts",
        find: "marks.get(key) === undefined || count >= waitingMax",
        replace: "count >= waitingMax",
      },
    ],
  },
];
