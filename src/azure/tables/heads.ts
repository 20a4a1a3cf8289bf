import type { StreamId } from "../../core/journal/port.ts";
import { createLru } from "../../core/runtime/lru.ts";
import { partitionOf, rowKeys } from "./names.ts";
import type { Requests } from "./requests.ts";
import { type Head, headHeader, headOf, type StoredRow, versionOf } from "./rows.ts";

/** A snapshot's row as it was seen: what it says, and its version. */
export interface SeenHead extends Head {
  readonly etag: string;
}

/** Streams whose last seen snapshot is remembered: some 300 bytes each. */
const streamsMax = 10_000;

/**
 * What this journal has seen of snapshots last, so that the next one needs no look first. It may be outdated; a write in
 * its place fails then. "none": there was no snapshot; undefined: it is not known.
 */
export interface Heads {
  remembered(stream: StreamId): SeenHead | "none" | undefined;
  remember(stream: StreamId, head: SeenHead | "none" | undefined): void;
  /** As it stands now. */
  read(stream: StreamId): Promise<SeenHead | undefined>;
}

export function createHeads(requests: Requests): Heads {
  const seen = createLru<SeenHead | "none">(streamsMax, Number.MAX_SAFE_INTEGER);
  const remember: Heads["remember"] = (stream, head) => {
    if (head) seen.set(partitionOf(stream), head, 1);
    else seen.delete(partitionOf(stream));
  };
  return {
    remembered: (stream) => seen.get(partitionOf(stream)),
    remember,
    async read(stream) {
      const row = await requests.get(partitionOf(stream), rowKeys.snapshot, headHeader);
      const head = row && seenHead(row);
      remember(stream, head ?? "none");
      return head;
    },
  };
}

export function seenHead(row: StoredRow): SeenHead {
  return { ...headOf(row), etag: versionOf(row) };
}
