import type { JsonValue } from "../json.ts";
import { decodeEntries, eventId, type Entry, type StoredEvent } from "../journal/format.ts";
import type { StoredRecord, StreamId } from "../journal/port.ts";
import { isoTime } from "../runtime/system.ts";

/**
 * An event as it leaves Holdfast: CloudEvents 1.0, structured JSON. Extension attributes are lower case, as the
 * specification wants them. Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
 */
export interface Envelope {
  readonly specversion: "1.0";
  /** `<entry id>-<n>`; unique. */
  readonly id: string;
  /** `/<tenant>/<entity>` */
  readonly source: string;
  /** `<entity>.<event type>` */
  readonly type: string;
  /** The entity's id. */
  readonly subject: string;
  /** Commit time, RFC 3339 in UTC. */
  readonly time: string;
  readonly datacontenttype: "application/json";
  readonly data: JsonValue;
  readonly tenant: string;
  /** Place among the events of its stream, from 1. */
  readonly version: number;
  /** Version of the data's shape. */
  readonly dataversion: number;
  /** Where it is stored: the sequence of the record and the place among its events, from 1: `12/1`. */
  readonly record: string;
  readonly correlationid: string;
  readonly causationid?: string;
  /** Source: CloudEvents extension "distributed tracing". */
  readonly traceparent?: string;
}

/** The events of a record, in order. */
export function envelopesOf(stream: StreamId, record: StoredRecord): readonly Envelope[] {
  const entries = decodeEntries(record);
  const before = record.version - entries.reduce((sum, { events = [] }) => sum + events.length, 0);
  let n = 0;
  return entries.flatMap((entry) =>
    (entry.events ?? []).map((event, i) => {
      n++;
      return envelopeOf(stream, record, entry, event, { inEntry: i + 1, inRecord: n, inStream: before + n });
    }),
  );
}

function envelopeOf(
  stream: StreamId,
  { sequence, time }: StoredRecord,
  entry: Entry,
  event: StoredEvent,
  place: { readonly inEntry: number; readonly inRecord: number; readonly inStream: number },
): Envelope {
  return {
    specversion: "1.0",
    id: eventId(entry.id, place.inEntry),
    source: `/${stream.tenant}/${stream.entity}`,
    type: `${stream.entity}.${event.type}`,
    subject: stream.id,
    time: isoTime(time),
    datacontenttype: "application/json",
    data: event.data,
    tenant: stream.tenant,
    version: place.inStream,
    dataversion: event.v ?? 1,
    record: `${sequence}/${place.inRecord}`,
    correlationid: entry.correlation ?? entry.id,
    ...(entry.causation !== undefined && { causationid: entry.causation }),
    ...(entry.trace !== undefined && { traceparent: entry.trace }),
  };
}
