import type { DeadLetter } from "../core/delivery/port.ts";
import { decodeEntries, type StoredMessage } from "../core/journal/format.ts";
import type { Journal, StoredRecord } from "../core/journal/port.ts";
import { envelopesOf, type Envelope } from "../core/messaging/envelope.ts";

/** A dead letter with what it is about, as `--json` prints it. Times are ISO 8601. */
export interface LetterView {
  readonly id: number;
  readonly consumer: string;
  readonly reason: DeadLetter["reason"];
  /** Failures of the handler; outages are not counted. */
  readonly attempts: number;
  /** First failure. */
  readonly since: string;
  readonly created: string;
  /** The replay with new keys that it comes from. */
  readonly replay?: string;
  readonly tenant?: string;
  /** What it is about: one of these, or `erased`. */
  readonly event?: Envelope;
  readonly command?: StoredMessage & { readonly from: Of };
  readonly timer?: Of & { readonly name: string };
  readonly message?: { readonly id: string; readonly body: string; readonly attributes?: unknown };
  readonly tick?: { readonly time: string; readonly cron: string; readonly zone: string };
  /** What could not be relayed: a record, which may be damaged. */
  readonly record?: Of & { readonly sequence: number };
  /** What it was about is not there any more. */
  readonly erased?: Of;
}

/** At which records lie that could not be relayed. */
export const relayConsumer = "relay";

/** An entity. */
interface Of {
  readonly entity: string;
  readonly id: string;
}

export async function viewOf(journal: Journal, letter: DeadLetter): Promise<LetterView> {
  const { id, consumer, reason, failures, created, again, stream } = letter;
  return {
    id,
    consumer,
    reason,
    attempts: failures.attempts,
    since: isoTime(failures.since),
    created: isoTime(created),
    ...(again !== undefined && { replay: again }),
    ...(stream && { tenant: stream.tenant }),
    ...(await contentOf(journal, letter)),
  };
}

/** One line: `cart "u1" v2 checkedOut`. */
export function subjectOf({ event, command, timer, message, tick, record, erased }: LetterView): string {
  if (event) {
    const [entity = "", type = ""] = event.type.split(".");
    return `${entity} "${event.subject}" v${event.version} ${type}`;
  }
  if (command) {
    const { from, entity, id } = command;
    return `${from.entity} "${from.id}" -> ${entity} "${id}" ${command.command}`;
  }
  if (timer) return `${timer.entity} "${timer.id}" timer ${timer.name}`;
  if (message) return `message ${message.id}`;
  if (record) return `${record.entity} "${record.id}" record ${record.sequence}`;
  if (tick) return `tick of ${tick.time}`;
  return erased ? `${erased.entity} "${erased.id}" (erased)` : "(nothing)";
}

type Content = Pick<LetterView, "event" | "command" | "timer" | "message" | "tick" | "record" | "erased">;

async function contentOf(journal: Journal, letter: DeadLetter): Promise<Content> {
  const { id, consumer, stream, sequence, n, name, body = "", attributes } = letter;
  if (!stream) {
    if (consumer.startsWith("timer:")) return { tick: tickOf(body) };
    const message = { id: name ?? String(id), body };
    return {
      message: attributes === undefined ? message : { ...message, attributes: JSON.parse(attributes) as unknown },
    };
  }
  const of = { entity: stream.entity, id: stream.id };
  if (sequence === undefined || n === undefined) return { timer: { ...of, name: name ?? "" } };
  if (consumer === relayConsumer) return { record: { ...of, sequence } };
  const record = await journal.record(stream, sequence);
  if (!record) return { erased: of };
  if (consumer === "sends") {
    const sent = messagesOf(record)[n - 1];
    return sent ? { command: { from: of, ...sent } } : { erased: of };
  }
  const event = envelopesOf(stream, record)[n - 1];
  return event ? { event } : { erased: of };
}

function messagesOf(record: StoredRecord): readonly StoredMessage[] {
  return decodeEntries(record).flatMap(({ messages = [] }) => messages);
}

/** As the consumer of cron timers has written it. */
function tickOf(body: string): NonNullable<LetterView["tick"]> {
  const { tick, cron, zone } = JSON.parse(body) as { tick: number; cron: string; zone: string };
  return { time: isoTime(tick), cron, zone };
}

function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
