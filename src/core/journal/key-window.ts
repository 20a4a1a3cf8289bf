import type { KeyRange, KeyRef, SnapshotBody } from "./format.ts";
import type { Key, KeyOrigin } from "./keys.ts";
import type { ForgottenKeys, Horizon, Journal, KeyPage, StoredKey, StreamId } from "./port.ts";

export interface KeyWindowLimits {
  /** How long keys of that kind are remembered at least, by commit time. */
  readonly foreignMs: number;
  readonly derivedMs: number;
  /** Keys remembered per entity and kind; beyond it the oldest go early. */
  readonly keysMax: number;
}

export const defaultKeyWindow: KeyWindowLimits = {
  foreignMs: 24 * 3_600_000,
  derivedMs: 15 * 24 * 3_600_000,
  keysMax: 65_536,
};

/** Where a key stands: consumed by the record at a sequence, too old to know, or not consumed. */
export type KeyStanding = number | "expired" | "unused";

/**
 * What an instance knows of an entity's idempotency keys. Keys since the last snapshot are in memory; older ones are
 * asked from the journal, only when a key may be among them. The snapshot lists them as a bounded number of ranges
 * (each at most 1/32 of the bound and 1/16 of the window), so that neither its size nor the cost of a write grows with
 * the window. Forgetting drops whole ranges and raises the horizon: a key in our own form that is older is refused.
 */
export interface KeyWindow {
  /** Hash to sequence, for the keys of the tail. */
  readonly recent: Map<string, KeyRef & { readonly sequence: number }>;
  /** Loaded pages, where the journal keeps pages and somebody asked. */
  older: Map<string, number> | undefined;
  ranges: Readonly<Record<KeyOrigin, readonly KeyRange[]>>;
  horizon: Horizon;
  /** Dropped ranges that the journal has not been told of yet. */
  forgotten: readonly ForgottenKeys[];
}

// Shared by all entities that have none: thousands are cached.
const nothing: readonly never[] = [];
const noRanges: KeyWindow["ranges"] = { foreign: nothing, derived: nothing };
const noHorizon: Horizon = { foreign: 0, derived: 0 };

export function createKeyWindow(snapshot?: { readonly horizon: Horizon; readonly body: SnapshotBody }): KeyWindow {
  return {
    recent: new Map(),
    older: undefined,
    ranges: snapshot?.body.keys ?? noRanges,
    horizon: snapshot?.horizon ?? noHorizon,
    forgotten: nothing,
  };
}

export function remember(window: KeyWindow, keys: readonly KeyRef[], sequence: number): void {
  for (const key of keys) window.recent.set(key.hash, { ...key, sequence });
}

/** What memory alone can tell; `undefined`: the journal must be asked. */
export function standingInMemory(window: KeyWindow, key: Key): KeyStanding | undefined {
  const recent = window.recent.get(key.hash);
  if (recent) return recent.sequence;
  if (mayBeIn(window.ranges[key.origin], key)) {
    if (window.older === undefined) return undefined;
    const sequence = window.older.get(key.hash);
    if (sequence !== undefined) return sequence;
  }
  return expired(key, window.horizon) ? "expired" : "unused";
}

/** A key in our own form that was born after the newest of the ranges cannot be in them. */
function mayBeIn(ranges: readonly KeyRange[], { born }: Key): boolean {
  return ranges.length > 0 && (born === undefined || ranges.some((range) => born <= range.newest));
}

function expired(key: Key, horizon: Horizon): boolean {
  return key.born !== undefined && key.born <= horizon[key.origin];
}

/** Where each of the keys stands: one look-up in an index, or one query for the pages, or nothing. */
export async function lookUp(
  journal: Journal,
  stream: StreamId,
  window: KeyWindow,
  keys: readonly Key[],
): Promise<readonly KeyStanding[]> {
  if (journal.keys.kind === "index") {
    const { sequences, horizon } = await journal.keys.find(
      stream,
      keys.map((key) => key.hash),
    );
    return keys.map((key, i) => sequences[i] ?? (expired(key, later(horizon, window.horizon)) ? "expired" : "unused"));
  }
  if (window.older === undefined) {
    const all = [...window.ranges.foreign, ...window.ranges.derived];
    const from = Math.min(...all.map((range) => range.from));
    const to = Math.max(...all.map((range) => range.to));
    // While this waits, a snapshot may be stored and take keys out of the tail, into a page that this query misses.
    const tail = [...window.recent.values()].map(({ hash, sequence }) => [hash, sequence] as const);
    window.older = new Map([...(await journal.keys.load(stream, from, to)).flat(), ...tail]);
  }
  return keys.map((key) => standingInMemory(window, key) ?? "unused");
}

export function later(a: Horizon, b: Horizon): Horizon {
  return { foreign: Math.max(a.foreign, b.foreign), derived: Math.max(a.derived, b.derived) };
}

/** Drops the ranges that time or the bound has overtaken. True if the bound, not time, was the reason. */
export function forget(window: KeyWindow, now: number, limits: KeyWindowLimits): boolean {
  const foreign = forgetKind(window, "foreign", now - limits.foreignMs, limits.keysMax);
  return forgetKind(window, "derived", now - limits.derivedMs, limits.keysMax) || foreign;
}

function forgetKind(window: KeyWindow, origin: KeyOrigin, before: number, keysMax: number): boolean {
  const ranges = window.ranges[origin];
  let total = ranges.reduce((sum, range) => sum + range.count, 0);
  let dropped = 0;
  let horizon = window.horizon[origin];
  let byBound = false;
  for (const range of ranges) {
    const tooMany = total - range.count >= keysMax;
    if (range.newest >= before && !tooMany) break;
    if (range.newest >= before) byBound = true;
    horizon = Math.max(horizon, range.newest);
    total -= range.count;
    dropped++;
    window.forgotten = [...window.forgotten, { from: range.from, to: range.to, derived: origin === "derived" }];
  }
  if (dropped === 0) return false;
  window.ranges = { ...window.ranges, [origin]: ranges.slice(dropped) };
  // What was loaded holds them still; it is asked for again when somebody needs it.
  window.older = undefined;
  window.horizon = { ...window.horizon, [origin]: horizon };
  return byBound;
}

/** The ranges and the page with which a snapshot at `sequence` takes over the keys of the tail. */
export function pageOf(
  window: KeyWindow,
  from: number,
  sequence: number,
  limits: KeyWindowLimits,
): { readonly ranges: KeyWindow["ranges"]; readonly page: KeyPage | undefined } {
  const keys: StoredKey[] = [];
  const found: Record<KeyOrigin, { oldest: number; newest: number; count: number }> = {
    foreign: { oldest: Infinity, newest: 0, count: 0 },
    derived: { oldest: Infinity, newest: 0, count: 0 },
  };
  for (const key of window.recent.values()) {
    if (key.sequence > sequence) continue;
    keys.push([key.hash, key.sequence]);
    const kind = found[key.derived ? "derived" : "foreign"];
    kind.oldest = Math.min(kind.oldest, key.time);
    kind.newest = Math.max(kind.newest, key.time);
    kind.count++;
  }
  const extend = (origin: KeyOrigin, windowMs: number): readonly KeyRange[] =>
    found[origin].count === 0
      ? window.ranges[origin]
      : joined(window.ranges[origin], { from, to: sequence, ...found[origin] }, windowMs, limits.keysMax);
  const ranges = { foreign: extend("foreign", limits.foreignMs), derived: extend("derived", limits.derivedMs) };
  if (keys.length === 0) return { ranges, page: undefined };
  // A range may reach 1/16 of the window past the page's own newest key; a day is for clocks.
  const livesMs = Math.max(limits.foreignMs, limits.derivedMs) * (17 / 16) + 24 * 3_600_000;
  const expires = Math.ceil(Math.max(found.foreign.newest, found.derived.newest) + livesMs);
  return { ranges, page: { from, sequence, expires, keys } };
}

function joined(ranges: readonly KeyRange[], next: KeyRange, windowMs: number, keysMax: number): readonly KeyRange[] {
  const last = ranges.at(-1);
  if (!last || last.count + next.count > keysMax / 32 || next.newest - last.oldest > windowMs / 16) {
    return [...ranges, next];
  }
  const both: KeyRange = {
    from: last.from,
    to: next.to,
    oldest: Math.min(last.oldest, next.oldest),
    newest: Math.max(last.newest, next.newest),
    count: last.count + next.count,
  };
  return [...ranges.slice(0, -1), both];
}

/** After the snapshot at `sequence` is stored: its keys are the journal's to remember. */
export function pageStored(window: KeyWindow, sequence: number, ranges: KeyWindow["ranges"]): void {
  for (const [hash, key] of window.recent) {
    if (key.sequence > sequence) break;
    window.recent.delete(hash);
    window.older?.set(hash, key.sequence);
  }
  window.ranges = ranges;
}
