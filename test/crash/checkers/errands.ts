import type { Deed, errand } from "../errand.ts";
import type { Observed } from "../observed.ts";
import { eventsOf, type Committed } from "./committed.ts";

/** One workflow, as its stream tells it. */
interface Story {
  readonly id: string;
  readonly events: readonly Committed[];
  readonly input: { readonly mark: string; readonly desk: string; readonly fails: "never" | "once" | "always" };
  readonly ends: readonly End[];
  readonly isCancelled: boolean;
  readonly facts: readonly Fact[];
}

interface End {
  readonly status: string;
  readonly output?: { readonly [step: string]: unknown };
  readonly failure?: { readonly code: string };
}

/** What it has done and heard, as stored; not by Holdfast's types. */
interface Fact {
  readonly is: string;
  readonly n: number;
  readonly kind: string;
  readonly name: string;
  readonly value?: unknown;
  readonly failure?: unknown;
}

const name: (typeof errand)["name"] = "errand";

/** In the order in which one is done after the other; `left` and `right` are done at once. */
const steps = ["book", "left", "right", "last"] as const;

/** What contradicts the promises of workflows; empty if nothing does. Dead letters are looked at with all others. */
export function checkErrands(observed: Observed): readonly string[] {
  const events = observed.records.flatMap(eventsOf);
  const streams = Map.groupBy(
    events.filter(({ entity }) => entity === name),
    ({ subject }) => subject,
  );
  const deeds = Map.groupBy(observed.deeds, ({ of }) => of);
  const desks = Map.groupBy(
    events.filter(({ entity }) => entity === "desk"),
    ({ data }) => String(data["errand"]),
  );
  const stories = [...streams].map(([id, list]) => storyOf(id, list));
  const known = new Map(stories.map((story) => [story.id, story]));
  return [
    ...stories.flatMap((story) => {
      const done = deeds.get(story.id) ?? [];
      const held = desks.get(story.id) ?? [];
      return [
        ...checkEnd(story),
        ...checkFacts(story, done),
        ...checkDeeds(story, done),
        ...checkDesk(story, held),
        ...checkHeard(story),
      ].map((text) => `errand: ${story.id} ${text}`);
    }),
    ...checkKeys(observed.deeds),
    ...[...deeds.keys()].filter((id) => !known.has(id)).map((id) => `errand: ${id} was done and never begun`),
    ...checkTold(observed, known),
  ];
}

/** How much there was to check. */
export function errandsIn({ records, deeds }: Pick<Observed, "records" | "deeds">): {
  readonly errands: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Those that were heard before the time was over. */
  readonly signals: number;
  /** Deeds that were done once more. */
  readonly deedsAgain: number;
} {
  const events = records.flatMap(eventsOf).filter(({ entity }) => entity === name);
  const ends = events.flatMap(({ type, data }) => (type === "ended" ? [data as unknown as End] : []));
  const of = (status: string): number => ends.filter((end) => end.status === status).length;
  return {
    errands: events.filter(({ type }) => type === "started").length,
    completed: of("completed"),
    failed: of("failed"),
    cancelled: of("cancelled"),
    signals: ends.filter(({ output }) => typeof output?.["heard"] === "string").length,
    deedsAgain: deeds.length - new Set(deeds.map(({ key }) => key)).size,
  };
}

function storyOf(id: string, events: readonly Committed[]): Story {
  const started = events.find(({ type }) => type === "started");
  return {
    id,
    events,
    // Begun by clients only, each with an order.
    input: started?.data["input"] as Story["input"],
    ends: events.flatMap(({ type, data }) => (type === "ended" ? [data as unknown as End] : [])),
    isCancelled: events.some(({ type }) => type === "cancelRequested"),
    facts: events.flatMap(({ type, data }) => (type === "advanced" ? (data["facts"] as readonly Fact[]) : [])),
  };
}

/** It has begun once and ended once, as its input says, unless it was cancelled. */
function* checkEnd({ events, input, ends, isCancelled }: Story): Generator<string> {
  const begun = events.filter(({ type }) => type === "started").length;
  if (begun !== 1) yield `has begun ${begun} times`;
  const [end, ...more] = ends;
  if (end === undefined) return yield "has not ended";
  if (more.length > 0) yield `has ended ${ends.length} times`;
  if (events.at(-1)?.type !== "ended") yield "went on behind its end";
  const { status, failure } = end;
  const expected = input.fails === "always" ? "failed" : "completed";
  if (status !== expected && !(isCancelled && status === "cancelled")) yield `is ${status}, not ${expected}`;
  const code = { failed: "refused", cancelled: "workflow-cancelled" }[status];
  if (failure?.code !== code) yield `is ${status} because of "${failure?.code}"`;
}

/** What it was told of an operation it was told once, and what it was told to have done was done. */
function* checkFacts({ facts }: Story, deeds: readonly Deed[]): Generator<string> {
  const done = facts.filter(({ is }) => is === "done");
  for (const [n, list] of Map.groupBy(done, (fact) => fact.n)) {
    if (list.length > 1) yield `was told ${list.length} times what came of ${n} ${list[0]?.name}`;
  }
  for (const { kind, name: step, value, failure } of done) {
    // What it gives back to an entity is nothing that is done outside; `checkDesk` looks at that.
    if (kind !== "run" || failure !== undefined || step === "undo desk.take") continue;
    const keys = new Set(deeds.filter(({ what }) => what === step).map(({ key }) => key));
    if (keys.size === 0) yield `was told that "${step}" is done, which it is not`;
    else if (value !== undefined && !keys.has(String(value))) yield `was told another key of "${step}"`;
  }
}

/** Complete, or undone, the last one first; each deed under one key, in its order. */
function* checkDeeds({ ends: [end] }: Story, deeds: readonly Deed[]): Generator<string> {
  const keys = new Map<string, Set<string>>();
  for (const { what, key } of deeds) keys.set(what, (keys.get(what) ?? new Set()).add(key));
  for (const [what, of] of keys) if (of.size > 1) yield `has done "${what}" under ${of.size} keys`;
  const firsts = [...keys.keys()];
  const at = (what: string): number => firsts.indexOf(what);
  const has = (what: string): boolean => keys.has(what);
  for (const [first, then] of orders) {
    if (has(then) && (!has(first) || at(first) > at(then))) yield `has done "${then}" before "${first}"`;
  }
  if (end === undefined) return;
  if (end.status === "completed") {
    for (const what of firsts) if (what.startsWith("undo ")) yield `is completed, and has done "${what}"`;
    for (const step of steps) {
      if (!has(step)) yield `is completed without "${step}"`;
      else if (!keys.get(step)?.has(String(end.output?.[step]))) yield `returned another key of "${step}"`;
    }
    return;
  }
  if (!has("undo book")) yield `is ${end.status} and "book" is not undone`;
  const both = ["left", "right", "last"].find(has);
  if (both !== undefined && !has("undo both")) yield `is ${end.status} and "${both}" is not undone`;
  if (has("undo both") && at("undo both") > at("undo book")) yield "has undone what was first before what was last";
}

const orders = [
  ["book", "left"],
  ["book", "right"],
  ["left", "last"],
  ["right", "last"],
] as const;

/** What it has called for has happened once; nothing is held for one that is undone. */
function* checkDesk({ ends: [end], input }: Story, events: readonly Committed[]): Generator<string> {
  const taken = events.filter(({ type }) => type === "taken");
  const freed = events.filter(({ type }) => type === "freed");
  if (events.some(({ subject }) => subject !== input.desk)) yield "has called another desk";
  if (taken.length > 1) yield `has taken its desk ${taken.length} times`;
  if (freed.length > taken.length) yield `has freed its desk ${freed.length} times, and taken it ${taken.length} times`;
  if (end === undefined) return;
  if (end.status === "completed" && taken.length + freed.length !== 1) {
    yield `is completed, and has taken its desk ${taken.length} times and freed it ${freed.length} times`;
  }
  if (end.status !== "completed" && taken.length > 0 && freed.length === 0) yield `is ${end.status} and has its desk`;
  if (freed[0] && taken[0] && taken[0].version > freed[0].version) yield "has taken its desk behind having freed it";
}

/** Of a signal and the end of its time it has heard what is first in its stream. */
function* checkHeard({ events, facts, ends: [end] }: Story): Generator<string> {
  if (end?.status !== "completed") return;
  const until = facts.find(({ is, kind }) => is === "began" && kind === "until")?.n;
  const first = events.find(
    ({ type, data }) => type === "signalled" || (type === "woke" && data["n"] === until && until !== undefined),
  );
  const mark = first?.type === "signalled" ? (first.data["data"] as { readonly mark: string }).mark : null;
  const heard = end.output?.["heard"];
  if (first === undefined) yield "has gone on without a signal, and before its time was over";
  else if (heard !== mark) yield `has heard ${String(heard)}, and ${String(mark)} was first`;
}

/** A key is of one step of one workflow. */
function* checkKeys(deeds: readonly Deed[]): Generator<string> {
  for (const [key, list] of Map.groupBy(deeds, (deed) => deed.key)) {
    const names = new Set(list.map(({ of, what }) => `${what} of ${of}`));
    if (names.size > 1) yield `errand: ${key} is the key of ${[...names].join(" and of ")}`;
  }
}

/** What clients were told of workflows is so; that what was accepted is stored is looked at with all answers. */
function* checkTold({ told, watched }: Observed, stories: ReadonlyMap<string, Story>): Generator<string> {
  for (const { entity, id, command, key, result } of told) {
    if (entity !== name) continue;
    const before = stories.get(id)?.events.slice(0, result.version) ?? [];
    const has = (event: string): boolean => before.some(({ type }) => type === event);
    const what = `errand: ${command} ${key} of ${id}`;
    if (result.ok) {
      const event = { start: "started", cancel: "cancelRequested" }[command] ?? "signalled";
      if (!has(event)) yield `${what} was accepted, and is not stored`;
    } else if (command === "start") {
      if (result.code !== "workflow-exists" || !has("started"))
        yield `${what} was told ${result.code}, and it was not there`;
    } else if (result.code !== "workflow-ended" || !has("ended")) {
      yield `${what} was told ${result.code}, and it had not ended`;
    }
  }
  for (const { id, view, version } of watched) {
    const before = stories.get(id)?.events.slice(0, version) ?? [];
    const end = before.find(({ type }) => type === "ended");
    const status = end ? end.data["status"] : before.length > 0 ? "running" : "none";
    if (before.length !== version || view.status !== status) {
      yield `errand: ${id} was shown as ${view.status} at ${version}, where it is ${String(status)}`;
    }
  }
}
