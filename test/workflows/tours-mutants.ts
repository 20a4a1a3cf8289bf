import type { Patch } from "../simulation/mutants.ts";

/** Broken code of workflows that the world of the tours must notice. */
export interface Mutant {
  readonly name: string;
  /** Within so many seeds, from 1. */
  readonly seeds: number;
  /** What its invariant says is wrong. */
  readonly says: RegExp;
  readonly patches: readonly Patch[];
}

const one = (file: string, find: string, replace: string): readonly Patch[] => [
  { file: `workflows/${file}`, find, replace },
];

export const mutants: readonly Mutant[] = [
  {
    name: "a compensation is left out",
    seeds: 1,
    says: /called off 0 times/,
    patches: one("body.ts", "undo();", "undo(); undoing.shift();"),
  },
  {
    name: "compensations run in the order of the steps",
    seeds: 1,
    says: /another order/,
    patches: one(
      "body.ts",
      "for (let last = undoing.pop(); last; last = undoing.pop()) {",
      "for (let last = undoing.shift(); last; last = undoing.shift()) {",
    ),
  },
  {
    name: "a compensation is tried once only",
    seeds: 1,
    // One that cannot be done at all stops the workflow.
    says: /is stopped/,
    patches: one("body.ts", "{ attempts: 1_000, ...retry }", "{ attempts: 1 }"),
  },
  {
    name: "a cancellation ends compensations that are under way",
    seeds: 1,
    says: /given up on|is stopped|is running|called off 0/,
    patches: one("body.ts", '(asked.kind === "run" && asked.isUndo) || doomed.has(n)', "doomed.has(n)"),
  },
  {
    name: "who has finished is compensated, too",
    seeds: 1,
    says: /is completed(, with 0 rooms|.* called off 1 times)/,
    patches: one(
      "body.ts",
      'ending = { as: "returned", value };',
      'for (const { name, undo, options } of undoing) await ask({ kind: "run", name: `undo ${name}`, step: undo, options, at: time, isUndo: true }); ending = { as: "returned", value };',
    ),
  },
  {
    name: "a step has another key after a crash",
    seeds: 1,
    says: /2 times/,
    patches: one("driver.ts", "const which = digest([tenant,", "const which = digest([owner, tenant,"),
  },
  {
    name: "a step has another key at each attempt",
    seeds: 1,
    says: /2 times/,
    patches: one("driver.ts", "key: keyOf(n), attempt,", "key: keyOf(n) + attempt, attempt,"),
  },
  {
    name: "a key without the run's number",
    seeds: 1,
    says: /0 times/,
    patches: one(
      "driver.ts",
      'digest([tenant, name, id, run, n].join("\\0"))',
      'digest([tenant, name, id, n].join("\\0"))',
    ),
  },
  {
    name: "a signal that nobody waits for yet is lost",
    seeds: 1,
    says: /is running/,
    patches: one("body.ts", "signals.set(signal, [...(signals.get(signal) ?? []), data]);", ""),
  },
  {
    name: "a signal of an earlier run is lost in the next one",
    seeds: 1,
    says: /is running/,
    patches: one("entity.ts", "signals: [...end.signals, ...news]", "signals: news"),
  },
  {
    name: "signals wake nobody",
    seeds: 1,
    says: /is running/,
    patches: one("entity.ts", '  "signalled",\n  "woke",', '  "woke",'),
  },
  {
    name: "a step that is to be tried again is forgotten",
    seeds: 1,
    says: /is running/,
    patches: one(
      "entity.ts",
      '(fact.is === "began" || fact.is === "failed") && fact.due',
      'fact.is === "began" && fact.due',
    ),
  },
  {
    name: "an owner keeps one name for all of its appends",
    seeds: 4,
    says: /is stopped/,
    patches: one("driver.ts", "const turn = `${owner}-${++advances}`;", "const turn = owner; advances++;"),
  },
];
