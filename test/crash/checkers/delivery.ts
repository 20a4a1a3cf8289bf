import { decodeEntries, type Entry } from "../../../src/core/journal/format.ts";
import type { Sighting } from "../app.ts";
import type { Delivered } from "../observed.ts";
import { eventsOf, type Committed } from "./committed.ts";

/** What is promised of a subscription, said without Holdfast's filters. */
interface Rule {
  readonly handler: string;
  readonly wants: (event: Committed) => boolean;
  readonly effects: (event: Committed) => readonly string[];
  readonly isPoison: (event: Committed) => boolean;
}

const rules: readonly Rule[] = [
  {
    handler: "everything",
    wants: ({ entity }) => entity === "source",
    effects: ({ id }) => [`everything ${id}`],
    isPoison: ({ data }) => data["fails"] === "always",
  },
  {
    handler: "red",
    wants: ({ entity, type, data }) => entity === "source" && type === "added" && data["colour"] === "red",
    effects: ({ id }) => [`red ${id} first`, `red ${id} second`],
    isPoison: () => false,
  },
];

const attemptsMax = 3;

/** What contradicts the promises; empty if nothing does. Independent of the code under test but for reading the format. */
export function checkDelivery(observed: Delivered): readonly string[] {
  const events = observed.records.flatMap(eventsOf);
  return [
    ...checkSightings(observed, events),
    ...checkEffects(observed, events),
    ...checkMessages(observed, events),
    ...checkDead(observed, events),
    ...observed.waiting.map((row) => `waiting: ${row} is left`),
  ];
}

/** How much there was to check: a run in which nothing happened shows nothing. */
export function summary(observed: Delivered): {
  readonly events: number;
  readonly sends: number;
  readonly timers: number;
  readonly jobs: number;
  readonly ticks: number;
  readonly poison: number;
  /** Sightings that were not the first of their event. */
  readonly again: number;
} {
  const { records, sightings, dead, jobs } = observed;
  const entries = ownEntries(records);
  const events = records.flatMap(eventsOf).filter(({ entity }) => entity === "source");
  const distinct = new Set(sightings.map(({ handler, id }) => `${handler} ${id}`));
  return {
    events: events.length,
    sends: entries.flatMap(({ messages = [] }) => messages).length,
    timers: entries.flatMap(({ timers = [] }) => timers.filter(({ at }) => at !== undefined)).length,
    jobs: jobs.length,
    ticks: new Set(sightings.flatMap(({ handler, id }) => (handler === "tick" ? [id] : []))).size,
    poison: dead.length,
    again: sightings.length - distinct.size,
  };
}

/** Each event at each subscription that wants it, at no other, first sightings in the order of versions. */
function* checkSightings({ sightings }: Delivered, events: readonly Committed[]): Generator<string> {
  for (const { handler, wants, isPoison } of rules) {
    const seen = Map.groupBy(
      sightings.filter((sighting) => sighting.handler === handler),
      ({ id }) => id,
    );
    for (const event of events) {
      const found = seen.get(event.id);
      seen.delete(event.id);
      const name = `${event.subject}#${event.version} (${event.id})`;
      if (!wants(event)) {
        if (found) yield `leak: ${handler} has seen ${name}`;
        continue;
      }
      if (!found) {
        yield `lost: ${handler} has not seen ${name}`;
        continue;
      }
      if (found.some(({ subject, version }) => subject !== event.subject || version !== event.version)) {
        yield `place: ${handler} was told another place of ${name}`;
      }
      const attempts = new Set(found.map(({ attempt }) => attempt));
      for (let attempt = 1; isPoison(event) && attempt <= attemptsMax; attempt++) {
        if (!attempts.has(attempt)) yield `attempts: ${handler} has not made attempt ${attempt} at ${name}`;
      }
    }
    for (const id of seen.keys()) yield `invented: ${handler} has seen ${id}, which was not committed`;
    yield* checkOrder(handler, sightings);
  }
}

function* checkOrder(handler: string, sightings: readonly Sighting[]): Generator<string> {
  const newest = new Map<string, number>();
  const known = new Set<string>();
  for (const { handler: by, id, subject, version } of sightings) {
    if (by !== handler || known.has(id)) continue;
    known.add(id);
    const before = newest.get(subject) ?? 0;
    if (version <= before) yield `order: ${handler} has seen ${subject}#${version} after #${before}`;
    newest.set(subject, Math.max(before, version));
  }
}

/** What handlers have done through commands has happened once, and nothing else has. */
function* checkEffects(observed: Delivered, events: readonly Committed[]): Generator<string> {
  const found = textsOf(events, "effect", "recorded", "cause");
  const { done, abandoned } = ticksOf(observed, new Set(found));
  const expected = new Set([
    ...rules.flatMap(({ wants, effects }) => events.filter(wants).flatMap(effects)),
    ...observed.jobs.map((job) => `job ${job}`),
    ...done,
  ]);
  yield* checkOnce("effect", expected, found);
  yield* checkEffectOrder(events, found);
  if (abandoned > observed.interruptions)
    yield `tick: ${abandoned} were begun and not done in ${observed.interruptions} interruptions`;
}

/** What an entity's events have caused at one subscription stands in the order of the events. */
function* checkEffectOrder(events: readonly Committed[], found: readonly string[]): Generator<string> {
  const places = new Map(found.map((text, i) => [text, i]));
  for (const { handler, wants, effects } of rules) {
    for (const [subject, list] of Map.groupBy(events.filter(wants), (event) => event.subject)) {
      const due = list.toSorted((a, b) => a.version - b.version).flatMap(effects);
      const happened = due.filter((text) => places.has(text));
      for (const [i, text] of happened.entries()) {
        const before = happened[i - 1];
        if (before === undefined || (places.get(before) ?? 0) < (places.get(text) ?? 0)) continue;
        yield `order: ${handler} has done "${text}" of ${subject} before "${before}"`;
      }
    }
  }
}

/**
 * A tick is made up for by the latest one: of one in whose middle the process dies or stops nothing is left where the next is due
 * before another process goes on. The last one has no such excuse.
 */
function ticksOf(
  { sightings }: Delivered,
  effects: ReadonlySet<string>,
): { readonly done: readonly string[]; readonly abandoned: number } {
  const seen = new Set(sightings.flatMap(({ handler, id }) => (handler === "tick" ? [Number(id)] : [])));
  const last = Math.max(...seen);
  const done = [...seen].filter((tick) => tick === last || effects.has(`tick ${tick}`)).map((tick) => `tick ${tick}`);
  return { done, abandoned: seen.size - done.length };
}

/** Commands that were acknowledged are there; each send has arrived once, each timer has fired once. */
function* checkMessages({ records, acknowledged }: Delivered, events: readonly Committed[]): Generator<string> {
  const marks = new Set(textsOf(events, "source", "added", "mark"));
  for (const mark of acknowledged) if (!marks.has(mark)) yield `durable: ${mark} was acknowledged and is not stored`;
  const entries = ownEntries(records);
  // Messages and timers of the app carry their mark in the input.
  const markOf = ({ input }: { readonly input?: unknown }): string => (input as { readonly mark: string }).mark;
  const sent = entries.flatMap(({ messages = [] }) => messages.map(markOf));
  yield* checkOnce("send", new Set(sent), textsOf(events, "inbox", "received", "mark"));
  const set = entries.flatMap(({ timers = [] }) => timers.filter(({ at }) => at !== undefined).map(markOf));
  yield* checkOnce("timer", new Set(set), textsOf(events, "source", "fired", "mark"));
}

/** Not those of workflows, whose timers are looked at with them. */
function ownEntries(records: Delivered["records"]): readonly Entry[] {
  return records.filter(({ stream }) => stream.entity !== "errand").flatMap(({ record }) => decodeEntries(record));
}

function* checkOnce(kind: string, expected: ReadonlySet<string>, found: readonly string[]): Generator<string> {
  const counts = Map.groupBy(found, (text) => text);
  for (const text of expected) if (!counts.has(text)) yield `${kind}: "${text}" did not happen`;
  for (const [text, { length }] of counts) {
    if (!expected.has(text)) yield `${kind}: "${text}" has no cause`;
    if (length > 1) yield `${kind}: "${text}" happened ${length} times`;
  }
}

function textsOf(events: readonly Committed[], entity: string, type: string, field: string): readonly string[] {
  return events.flatMap((event) => (event.entity === entity && event.type === type ? [String(event.data[field])] : []));
}

/** Poison and nothing else is dead, once, for the reason that its handler gave. */
function* checkDead({ dead }: Delivered, events: readonly Committed[]): Generator<string> {
  const letters = Map.groupBy(
    dead,
    ({ consumer, stream, sequence, n }) => `${consumer} ${stream?.entity}/${stream?.id} ${sequence} ${n}`,
  );
  for (const { handler, wants, isPoison } of rules) {
    for (const event of events) {
      if (!wants(event) || !isPoison(event)) continue;
      const place = `subscription:${handler} ${event.place}`;
      const found = letters.get(place) ?? [];
      letters.delete(place);
      if (found.length !== 1) yield `dead: ${place} is a dead letter ${found.length} times`;
      for (const { failures, reason } of found) {
        if (failures.attempts !== attemptsMax) yield `dead: ${place} was given up after ${failures.attempts} attempts`;
        if (reason.code !== "Error" || reason.message !== `${event.id} fails always`) {
          yield `dead: ${place} is said to be dead because of "${reason.code}: ${reason.message}"`;
        }
      }
    }
  }
  for (const [place, [letter]] of letters) yield `dead: ${place} is no poison (${letter?.reason.message})`;
}
