import { upcast } from "../../core/entity/definition.ts";
import { eventId, type PendingTimer } from "../../core/journal/format.ts";
import { matches } from "../../core/messaging/filter.ts";
import type { SubscriptionDefinition } from "../../core/messaging/definition.ts";
import { isoTime } from "../../core/runtime/system.ts";
import { streamKey, timersAfter } from "../../core/runtime/live.ts";
import type { Evidence, StoredEntry, StreamEvidence } from "../evidence.ts";
import type { Handled } from "../history.ts";
import type { Checker } from "./checker.ts";

/** An event that a subscription wants. */
interface Wanted {
  readonly id: string;
  readonly version: number;
  readonly sequence: number;
  /** Its place among the events of the record, from 1. */
  readonly n: number;
}

function* wantedBy(
  { wants }: SubscriptionDefinition,
  { stream, definition, records, entries }: StreamEvidence,
): Generator<Wanted> {
  const types = wants.get(stream.entity);
  if (!types || !definition) return;
  let record: StoredEntry["record"] | undefined;
  let n = 0;
  for (const stored of entries) {
    const { entry, version } = stored;
    if (record !== stored.record) n = 0;
    ({ record } = stored);
    const events = entry.events ?? [];
    for (const [i, { type, v = 1, data }] of events.entries()) {
      n++;
      const filters = types.get(type);
      const event = definition.events.get(type);
      if (!filters || !event || !filters.some((filter) => matches(filter, upcast(event, v, data)))) continue;
      yield {
        id: eventId(entry.id, i + 1),
        version: version - events.length + i + 1,
        sequence: records.indexOf(record) + 1,
        n,
      };
    }
  }
}

/** Runs of handlers, by handler and cause. */
function runsOf({ history }: Evidence): ReadonlyMap<string, readonly Handled[]> {
  const runs = new Map<string, Handled[]>();
  for (const run of history.handled) {
    const name = `${run.handler} ${run.cause}`;
    const found = runs.get(name);
    if (found) found.push(run);
    else runs.set(name, [run]);
  }
  return runs;
}

/** What a handler sees of an entity is stored there. */
export const committed: Checker = {
  name: "committed",
  check({ streams, history }) {
    const wrong: string[] = [];
    const ids = new Map<string, Set<string>>();
    for (const { handler, cause, stream, version } of history.handled) {
      const found = stream === undefined ? undefined : streams.get(stream);
      if (stream === undefined || found?.erased) continue;
      let events = ids.get(stream);
      if (!events) {
        const of = ({ entry }: StoredEntry): readonly string[] =>
          (entry.events ?? []).map((_, i) => eventId(entry.id, i + 1));
        ids.set(stream, (events = new Set(found?.entries.flatMap(of))));
      }
      if (!events.has(cause))
        wrong.push(`${handler}: event ${version} of ${stream}, ${cause}, was handled and is not stored`);
    }
    return wrong;
  },
};

/** Every event that matches reaches every subscription: it was handled to the end, or is a dead letter. */
export const delivered: Checker = {
  name: "delivered",
  check(evidence) {
    const { app, streams, dead } = evidence;
    const runs = runsOf(evidence);
    const buried = new Set(
      dead.map(
        ({ consumer, stream, sequence, n }) => `${consumer} ${stream ? streamKey(stream) : ""} ${sequence} ${n}`,
      ),
    );
    const wrong: string[] = [];
    for (const subscription of app.subscriptions.values()) {
      const handler = `subscription:${subscription.name}`;
      for (const stream of streams.values()) {
        if (stream.erased) continue;
        for (const { id, version, sequence, n } of wantedBy(subscription, stream)) {
          const all = runs.get(`${handler} ${id}`) ?? [];
          const isDead = buried.has(`${handler} ${stream.key} ${sequence} ${n}`);
          if (all.some(({ result }) => result === "done") || (isDead && all.length > 0)) continue;
          const what =
            all.length === 0 ? "was never handled" : `failed ${all.length} times and is neither handled nor dead`;
          wrong.push(`${handler}: event ${version} of ${stream.key} ${what}`);
        }
      }
    }
    for (const { queue, id } of evidence.history.sent) {
      const worker = [...app.workers.values()].find((worker) => worker.queue === queue);
      if (!worker) continue;
      const all = runs.get(`worker:${worker.name} ${id}`) ?? [];
      const isDead = dead.some(({ consumer, name }) => consumer === `queue:${queue}` && name === id);
      if (all.some(({ result }) => result === "done") || isDead) continue;
      wrong.push(`queue:${queue}: message ${id} was accepted and is neither handled nor dead`);
    }
    return wrong;
  },
};

/** A subscription sees an entity's events in their order: none begins before those in front of it are done, or dead. */
export const ordered: Checker = {
  name: "ordered",
  check({ history }) {
    const wrong: string[] = [];
    const lanes = new Map<string, Map<number, Lane>>();
    for (const { handler, stream, version, began, ended, result, givenUp } of history.handled) {
      if (stream === undefined || version === undefined) continue;
      const name = `${handler} ${stream}`;
      const lane = lanes.get(name) ?? new Map<number, Lane>();
      lanes.set(name, lane);
      const seen = lane.get(version) ?? { began: Infinity, over: Infinity };
      // Given up in memory is as good as done, though an heir who does not know of it may try again.
      const isOver = result === "done" || givenUp;
      lane.set(version, { began: Math.min(seen.began, began), over: isOver ? Math.min(seen.over, ended) : seen.over });
    }
    for (const [name, lane] of lanes) {
      let before: (Lane & { readonly version: number }) | undefined;
      for (const [version, seen] of [...lane].toSorted(([a], [b]) => a - b)) {
        if (before && (seen.began < before.began || (before.over !== Infinity && seen.began < before.over))) {
          wrong.push(`${name}: event ${version} was begun before event ${before.version} was done`);
        }
        before = { version, ...seen };
      }
    }
    return wrong;
  },
};

/** When an event was first begun, and first over, as places in the history. */
interface Lane {
  readonly began: number;
  readonly over: number;
}

/** What a handler throws that is wrong itself. */
const mistakes: ReadonlySet<string> = new Set(["TypeError", "ReferenceError", "RangeError", "SyntaxError"]);

/** What is dead was tried, and failed; not of a mistake in the handler. */
export const dead: Checker = {
  name: "dead",
  check(evidence) {
    const runs = runsOf(evidence);
    const wrong: string[] = [];
    for (const { consumer, stream, sequence, n, reason } of evidence.dead) {
      if (mistakes.has(reason.code))
        wrong.push(`${consumer}: a message is dead of a mistake: ${reason.code}, ${reason.message}`);
      if (!consumer.startsWith("subscription:") || !stream || !sequence || !n) continue;
      const found = evidence.streams.get(streamKey(stream));
      if (!found || found.erased) continue;
      const record = found.records[sequence - 1];
      const parts = found.entries
        .filter((stored) => stored.record === record)
        .flatMap(({ entry }) => (entry.events ?? []).map((_, i) => eventId(entry.id, i + 1)));
      const all = runs.get(`${consumer} ${parts[n - 1]}`) ?? [];
      if (!all.some(({ result }) => result === "failed")) {
        wrong.push(
          `${consumer}: event ${n} of record ${sequence} of ${found.key} is dead (${reason.code}) and never failed`,
        );
      }
    }
    return wrong;
  },
};

/** What an entity sends arrives, once. */
export const sends: Checker = {
  name: "sends",
  check({ streams, dead }) {
    const wrong: string[] = [];
    const arrived = new Map<string, number>();
    for (const { key, entries } of streams.values()) {
      for (const { entry } of entries) {
        if (entry.causation === undefined) continue;
        const name = `${key} ${entry.causation}`;
        arrived.set(name, (arrived.get(name) ?? 0) + 1);
      }
    }
    const isDead = dead.some(({ consumer }) => consumer === "sends");
    for (const { stream, key, entries, erased } of streams.values()) {
      for (const { entry } of erased ? [] : entries) {
        for (const [i, { entity, id, command }] of (entry.messages ?? []).entries()) {
          const target = streamKey({ tenant: stream.tenant, entity, id });
          const count = arrived.get(`${target} ${entry.id}-m${i + 1}`) ?? 0;
          if (count === 1 || streams.get(target)?.erased || (count === 0 && isDead)) continue;
          wrong.push(`${key}: ${command}, sent to ${target}, has arrived ${count} times`);
        }
      }
    }
    return wrong;
  },
};

/** What a handler does by commands happens as often as it does it in one run, however often it runs. */
export const effects: Checker = {
  name: "effects",
  check(evidence) {
    const { streams, history } = evidence;
    const allowed = new Map<string, Map<string, number>>();
    for (const { handler, cause, calls } of history.handled) {
      const name = handler.slice(handler.indexOf(":") + 1);
      const causation = handler.startsWith("timer:") ? `${name}@${isoTime(Number(cause))}` : cause;
      for (const [call, count] of calls) {
        const key = `${causation} ${call}`;
        const byHandler = allowed.get(key) ?? new Map<string, number>();
        byHandler.set(handler, Math.max(byHandler.get(handler) ?? 0, count));
        allowed.set(key, byHandler);
      }
    }
    const happened = new Map<string, number>();
    for (const { key, entries } of streams.values()) {
      for (const { entry } of entries) {
        if (entry.causation === undefined) continue;
        const name = `${entry.causation} ${key} ${entry.command}`;
        if (allowed.has(name)) happened.set(name, (happened.get(name) ?? 0) + 1);
      }
    }
    const wrong: string[] = [];
    for (const [name, count] of happened) {
      let most = 0;
      for (const calls of allowed.get(name)?.values() ?? []) most += calls;
      if (count > most) wrong.push(`${name} has happened ${count} times, its handlers call it ${most} times`);
    }
    return wrong;
  },
};

/** A timer fires while it is pending, not before it is due, once; and none that is due is left. */
export const timers: Checker = {
  name: "timers",
  check({ streams, now, skewMs }) {
    const wrong: string[] = [];
    for (const { key, entries, erased } of streams.values()) {
      if (erased) continue;
      let pending: ReadonlyMap<string, PendingTimer> = new Map();
      for (const { entry, record } of entries) {
        const fired = /^([0-9a-v]{20})-t(.+)$/.exec(entry.causation ?? "");
        const name = fired?.[2];
        const timer = name === undefined ? undefined : pending.get(name);
        if (fired && timer?.generation !== fired[1]) {
          wrong.push(`${key}: timer "${name}" fired at record ${record.sequence} though it was not pending`);
        } else if (timer && record.time + 2 * skewMs < timer.at) {
          wrong.push(`${key}: timer "${name}" fired ${timer.at - record.time} ms early at record ${record.sequence}`);
        }
        pending = timersAfter(pending, entry);
      }
      for (const [name, { at }] of pending) {
        if (at + 2 * skewMs + 60_000 < now)
          wrong.push(`${key}: timer "${name}" is ${now - at} ms late and has not fired`);
      }
    }
    return wrong;
  },
};

/** In the end nothing waits for anything. */
export const rest: Checker = {
  name: "rest",
  check: ({ waiting }) => waiting,
};
