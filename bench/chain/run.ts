import { readFileSync } from "node:fs";
import { systemPrincipal, type App } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createTestApp } from "holdfast/testing";
import { chain, purchase as chained } from "./chain.ts";
import { purchase as flowing } from "./workflow.ts";
import { createWorld, h, type World } from "./world.ts";

/** The two ways to write the same purchase. */
export const sides = {
  workflow: (): App<unknown, World> => h.app({ entities: [], workflows: [flowing] }),
  chain: (): App<unknown, World> => h.app({ entities: [chained], subscriptions: chain }),
} as const;

export type Side = keyof typeof sides;

/** What came of one purchase, and what it took. */
export interface Ran {
  readonly outcome: "completed" | "failed" | "open";
  readonly results: { readonly [step: string]: string } | undefined;
  readonly reason: string | undefined;
  /** Deeds outside, in their order. */
  readonly deeds: readonly string[];
  /** Calls outside, attempts that failed included. */
  readonly calls: number;
  /** Records appended to the journal. */
  readonly appends: number;
  /** Events that were delivered to a handler: messages, where a broker delivers; those that came again not counted. */
  readonly messages: number;
}

const steps = ["reservation", "receipt", "parcel", "tracking", "invoice"];

/** Runs one purchase to its end in memory, on a clock of its own, and counts. */
export async function runOne(side: Side, id: string): Promise<Ran> {
  const journal = createMemoryJournal();
  let appends = 0;
  const counted = {
    ...journal,
    append: (one: Parameters<typeof journal.append>[0]) => {
      appends++;
      return journal.append(one);
    },
  };
  const delivered = new Set<string>();
  const app = sides[side]();
  const subscriptions = new Map(
    [...app.subscriptions].map(([name, definition]) => {
      const handle: typeof definition.handle = (...given) => {
        delivered.add(`${name} ${given[0].id}`);
        return definition.handle(...given);
      };
      return [name, { ...definition, handle }];
    }),
  );
  const world = createWorld();
  const run = createTestApp({ ...app, subscriptions }, { services: world, journal: counted });
  const at = { entity: "purchase", id, principal: systemPrincipal };
  await run.execute({ ...at, command: "start", input: { item: "A-1", amount: 100 } });
  // Longer than all attempts together.
  for (let minutes = 0; minutes < 30; minutes++) {
    await run.delivered();
    await run.clock.advance(60_000);
  }
  await run.delivered();
  const { view } = await run.view(at);
  await run.close();
  return { ...endOf(view), deeds: world.deeds, calls: world.calls(), appends, messages: delivered.size };
}

/** The same of both: a workflow's view has its output or failure, the machine's its state and data. */
function endOf(view: unknown): Pick<Ran, "outcome" | "results" | "reason"> {
  const { status, output, failure, state, data } = view as {
    readonly status?: string;
    readonly output?: Ran["results"];
    readonly failure?: { readonly message: string };
    readonly state?: string;
    readonly data?: { readonly [name: string]: string };
  };
  const end = status ?? state;
  const outcome = end === "completed" || end === "failed" ? end : "open";
  const results = output ?? (data && Object.fromEntries(steps.map((step) => [step, data[step] ?? ""])));
  const reason = failure?.message.replace(/^Error: /, "") ?? data?.["reason"];
  return {
    outcome,
    results: outcome === "completed" ? results : undefined,
    reason: outcome === "failed" ? reason : undefined,
  };
}

/** Lines of code of a side: neither blank nor of comments. */
export function linesOf(side: Side): number {
  const text = readFileSync(new URL(`${side}.ts`, import.meta.url), "utf8");
  return text.split("\n").filter((line) => !/^\s*($|\/\/|\/\*|\*)/.test(line)).length;
}
