import { HoldfastError } from "../../core/errors.ts";
import type { Horizon, KeyPage, Snapshot, StreamId } from "../../core/journal/port.ts";
import type { Heads, SeenHead } from "./heads.ts";
import { partitionOf, rowKeys } from "./names.ts";
import { pageRows } from "./pages.ts";
import { packed, propertiesOf, rowBytesMax, slices, tooLarge } from "./payload.ts";
import { type Change, put, putTogether, remove, type Requests } from "./requests.ts";
import { type Head, headProperties, horizonProperties, type Properties } from "./rows.ts";

/** Writers of one stream's snapshot that may be in each other's way before one gives up. */
const attemptsMax = 64;

/**
 * Rows of parts. They and the snapshot's row are one transaction, which holds 4 MiB with the bytes in base64.
 * Source: learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
 */
const partsMax = 3;

/** The greatest revision: the stream is erased, and nothing replaces its snapshot. */
export const erasedRevision: number = Number.MAX_SAFE_INTEGER;

/** A body as it goes into the snapshot's row, or beside it. */
interface Body {
  readonly properties: Properties;
  readonly parts: readonly Uint8Array[];
}

/** @throws HoldfastError `entity-too-large` */
async function bodyOf(text: string): Promise<Body> {
  const payload = await packed(text);
  if (payload.length <= rowBytesMax) return { properties: propertiesOf("body", payload), parts: [] };
  if (typeof payload === "string" || payload.length > partsMax * rowBytesMax) {
    throw tooLarge(payload.length, partsMax * rowBytesMax, ", deflated");
  }
  return { properties: {}, parts: slices(payload, rowBytesMax) };
}

/**
 * Saves snapshots of a journal: keys first, then the snapshot's row in the place of the version that was seen last, with the
 * parts of the body, where one row does not hold it, in the same transaction. Two writers are in each other's way, never in
 * each other's place.
 */
export function createSnapshots(
  requests: Requests,
  heads: Heads,
  newId: () => string,
): (stream: StreamId, snapshot: Snapshot, page?: KeyPage) => Promise<void> {
  return async (stream, snapshot, page) => {
    const partitionKey = partitionOf(stream);
    const key = { partitionKey, rowKey: rowKeys.snapshot };
    const { properties, parts } = await bodyOf(snapshot.body);
    const pages = page ? await pageRows(stream, page) : [];
    const ownParts = parts.length === 0 ? undefined : { generation: newId(), count: parts.length };
    for (const row of pages) await requests.write((client, how) => client.upsertEntity(row, "Replace", how));
    let horizon = snapshot.horizon;

    async function removeParts(of: Head["parts"]): Promise<void> {
      for (let n = 0; of && n < of.count; n++) await remove(requests, partitionKey, rowKeys.part(of.generation, n));
    }

    /** The snapshot in the place of what was seen. */
    async function replace(seen: SeenHead | undefined): Promise<boolean> {
      const { sequence, revision } = snapshot;
      const head: Head = { sequence, revision, horizon, ...(ownParts && { parts: ownParts }) };
      const row = { ...key, ...headProperties(head), ...properties };
      const written = await (ownParts
        ? putTogether(requests, [{ row, seen }, ...newParts(partitionKey, ownParts.generation, parts)])
        : put(requests, { row, seen }));
      if (!written.done) return false;
      heads.remember(stream, written.etag === undefined ? undefined : { ...head, etag: written.etag });
      await removeParts(seen?.parts);
      return true;
    }

    /** The horizon of what stays, if it is still what was seen. */
    async function raise(seen: SeenHead): Promise<boolean> {
      const row = { ...key, ...horizonProperties(horizon) };
      const written = await requests.write((client, how) =>
        client.updateEntity(row, "Merge", { ...how, etag: seen.etag }),
      );
      if (written.done)
        heads.remember(stream, written.etag === undefined ? undefined : { ...seen, horizon, etag: written.etag });
      return written.done;
    }

    const remembered = heads.remembered(stream);
    let isFresh = remembered === undefined;
    let seen = remembered === "none" ? undefined : (remembered ?? (await heads.read(stream)));
    for (let attempt = 1; ; ) {
      const isErased = seen?.revision === erasedRevision;
      const isBehind = seen !== undefined && (isErased || !isNewer(snapshot, seen));
      // What is remembered may be outdated: it is good for a try, and for no refusal.
      if (isBehind && !isFresh) {
        seen = await heads.read(stream);
        isFresh = true;
        continue;
      }
      if (isErased) {
        for (const row of pages) await remove(requests, partitionKey, row.rowKey);
        return;
      }
      if (seen) horizon = greater(horizon, seen.horizon);
      if (seen && isBehind && isSame(horizon, seen.horizon)) return;
      if (attempt++ > attemptsMax) throw crowded();
      if (await (seen && isBehind ? raise(seen) : replace(seen))) return;
      const before: SeenHead | undefined = seen;
      seen = await heads.read(stream);
      isFresh = true;
      // Whoever has replaced it, perhaps an attempt of this whose answer was lost: nothing refers to its parts any more.
      if (before?.parts && before.parts.generation !== seen?.parts?.generation) await removeParts(before.parts);
    }
  };
}

function newParts(partitionKey: string, generation: string, parts: readonly Uint8Array[]): readonly Change[] {
  return parts.map((bytes, n) => ({
    row: { partitionKey, rowKey: rowKeys.part(generation, n), ...propertiesOf("bytes", bytes) },
    seen: undefined,
  }));
}

function greater(one: Horizon, other: Horizon): Horizon {
  return { foreign: Math.max(one.foreign, other.foreign), derived: Math.max(one.derived, other.derived) };
}

function isSame(one: Horizon, other: Horizon): boolean {
  return one.foreign === other.foreign && one.derived === other.derived;
}

function isNewer(snapshot: Snapshot, than: Head): boolean {
  if (snapshot.revision !== than.revision) return snapshot.revision > than.revision;
  return snapshot.sequence > than.sequence;
}

function crowded(): HoldfastError {
  return new HoldfastError("overloaded", "Too many writers save snapshots of one entity; this one was dropped.", {
    retry: "later",
    retryAfterMs: 1_000,
  });
}
