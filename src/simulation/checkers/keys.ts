import { parseKey, type Key } from "../../core/journal/keys.ts";
import type { CommandRequest } from "../../core/runtime/requests.ts";
import type { Evidence, StoredEntry, StreamEvidence } from "../evidence.ts";
import type { Operation } from "../history.ts";

/** Requests are asked for their keys over and over again. */
const parsed = new WeakMap<CommandRequest, { readonly key: Key | undefined }>();

/** The request's key as it is stored; absent where it has none, or what it has is none. */
export function keyOf(request: CommandRequest): Key | undefined {
  let known = parsed.get(request);
  if (known === undefined) parsed.set(request, (known = { key: parse(request) }));
  return known.key;
}

function parse({ key, keyOrigin = "foreign" }: CommandRequest): Key | undefined {
  if (key === undefined) return undefined;
  try {
    return parseKey(key, keyOrigin, Number.MAX_SAFE_INTEGER);
  } catch {
    // Refused when it came.
    return undefined;
  }
}

/** What is stored of a request's key. */
export function hashOfKey(request: CommandRequest): string | undefined {
  return keyOf(request)?.hash;
}

/**
 * Whether a key that a record has consumed may be unknown later: only an opaque one, when the window is over, or when the
 * entity has consumed as many others of its kind behind it as are remembered. One that tells its age is refused then.
 */
export function mayBeForgotten(
  { keys, skewMs }: Pick<Evidence, "keys" | "skewMs">,
  { entries }: Pick<StreamEvidence, "entries">,
  key: Pick<Key, "origin" | "born"> | undefined,
  first: StoredEntry,
  later: { readonly time: number; readonly sequence: number },
): boolean {
  if (key === undefined || key.born !== undefined) return false;
  const isDerived = key.origin === "derived";
  const windowMs = isDerived ? keys.derivedMs : keys.foreignMs;
  if (later.time - first.record.time >= windowMs - 4 * skewMs) return true;
  if (entries.length <= keys.keysMax) return false;
  let others = 0;
  for (const { entry, record } of entries) {
    if (record.sequence <= first.record.sequence || record.sequence > later.sequence) continue;
    if (record.time > later.time + 2 * skewMs) break;
    if (entry.key !== undefined && (entry.derived ?? false) === isDerived) others++;
  }
  return others >= keys.keysMax;
}

/**
 * Whether a key that tells its age may be refused as too old: the window is over, or as many keys of its kind that are not
 * older were consumed as are remembered.
 */
export function mayBeExpired(
  { keys, skewMs, streams }: Pick<Evidence, "keys" | "skewMs" | "streams">,
  { request, stream: name, told }: Operation,
): boolean {
  const key = request && keyOf(request);
  if (key?.born === undefined) return false;
  const stream = streams.get(name);
  // What its keys were cannot be told any more.
  if (stream?.erased) return true;
  const isDerived = key.origin === "derived";
  if (key.born < told + 2 * skewMs - (isDerived ? keys.derivedMs : keys.foreignMs)) return true;
  // A key that was born after its record makes the horizon as young as it is itself.
  let ahead = 0;
  const times: number[] = [];
  for (const { entry, record } of stream?.entries ?? []) {
    if (entry.key === undefined || (entry.derived ?? false) !== isDerived) continue;
    if (record.time > told + 2 * skewMs) break;
    times.push(record.time);
    if (entry.born !== undefined) ahead = Math.max(ahead, entry.born - record.time);
  }
  const { born } = key;
  return times.filter((time) => time >= born - ahead).length >= keys.keysMax;
}
