import { upcast, type EntityDefinition } from "../entity/definition.ts";
import { HoldfastError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import { decodeEntries, eventId } from "../journal/format.ts";
import type { Journal, StreamId } from "../journal/port.ts";

/** An event as readers see it. */
export interface HistoryEvent {
  /** `<entry id>-<n>` */
  readonly id: string;
  /** `<entity>.<type>` */
  readonly type: string;
  /** Place among the events of the stream, from 1. */
  readonly version: number;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly data: JsonValue;
}

export interface HistoryPage {
  readonly events: readonly HistoryEvent[];
  /** Pass it as `after` for the page that follows; absent at the end. */
  readonly next: number | undefined;
}

/** A page ends behind the event that fills it, even if more were asked for: a reader's memory is bounded. Characters. */
const pageCharsMax = 1024 * 1024;

/** @throws HoldfastError `invalid-query` unless `after` is from 0 and `limit` from 1 to 1,000, whole numbers both */
export function checkRange({ after, limit }: { readonly after: number; readonly limit: number }): void {
  if (Number.isSafeInteger(after) && after >= 0 && Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return;
  throw new HoldfastError("invalid-query", `after is from 0, limit from 1 to 1,000; not ${after} and ${limit}.`);
}

/** Up to `limit` events after version `after`, the stream being at `version`. */
export async function readHistory(
  journal: Journal,
  definition: EntityDefinition,
  stream: StreamId,
  range: { readonly after: number; readonly limit: number; readonly version: number },
): Promise<HistoryPage> {
  const { limit } = range;
  const events: HistoryEvent[] = [];
  // At the end there is nothing to find: a live stream that polls costs no search.
  const atEdge = range.after === 0 || range.after >= range.version;
  let sequence = atEdge ? 0 : await sequenceBefore(journal, stream, range.after);
  let chars = 0;
  while (events.length < limit && chars < pageCharsMax && range.after < range.version) {
    const records = await journal.history(stream, { after: sequence, limit: Math.min(50, limit) });
    for (const record of records) {
      sequence = record.sequence;
      const entries = decodeEntries(record);
      let version = record.version - entries.reduce((sum, entry) => sum + (entry.events?.length ?? 0), 0);
      for (const entry of entries) {
        for (const [i, event] of (entry.events ?? []).entries()) {
          version++;
          if (version <= range.after || events.length === limit || chars >= pageCharsMax) continue;
          const known = definition.events.get(event.type);
          const data = known ? upcast(known, event) : event.data;
          const type = `${definition.name}.${event.type}`;
          events.push({ id: eventId(entry.id, i + 1), type, version, time: record.time, data });
          chars += JSON.stringify(event.data).length;
        }
      }
    }
    if (records.length === 0) break;
  }
  const last = events.at(-1)?.version ?? range.version;
  return { events, next: last < range.version ? last : undefined };
}

/** The greatest sequence whose record ends at or before the version: a binary search by point reads. */
async function sequenceBefore(journal: Journal, stream: StreamId, version: number): Promise<number> {
  const { snapshot, records } = await journal.load(stream);
  const head = records.at(-1)?.sequence ?? snapshot?.sequence ?? 0;
  let low = 0;
  let high = head;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const record = await journal.record(stream, middle);
    if (record === undefined) throw new HoldfastError("journal-corrupt", `Record ${middle} of a stream is missing.`);
    if (record.version <= version) low = middle;
    else high = middle - 1;
  }
  return low;
}
