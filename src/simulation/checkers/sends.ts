import type { StoredMessage } from "../../core/journal/format.ts";
import { streamKey } from "../../core/runtime/live.ts";
import type { Evidence, StreamEvidence } from "../evidence.ts";
import type { Operation } from "../history.ts";
import type { Checker } from "./checker.ts";
import { placeOf } from "./runs.ts";
import { isSameJson } from "./same-json.ts";

/** A message that an entity sends. */
interface Sent {
  readonly message: StoredMessage;
  /** What its arrival is caused by. */
  readonly cause: string;
  readonly sequence: number;
  /** Its place among the messages of the record, from 1. */
  readonly n: number;
}

/** What an entity sends arrives, once, as it was sent; or it is a dead letter. */
export const sends: Checker = {
  name: "sends",
  check(evidence) {
    const { streams } = evidence;
    const wrong: string[] = [];
    const arrived = arrivalsOf(evidence);
    const buried = new Set(evidence.dead.map(placeOf));
    const asked = askedBy(evidence);
    for (const from of streams.values()) {
      for (const { message, cause, sequence, n } of from.erased ? [] : sentBy(from)) {
        const target = streamKey({ tenant: from.stream.tenant, entity: message.entity, id: message.id });
        const isDead = buried.has(`sends ${from.key} ${sequence} ${n}`);
        const requests = asked.get(cause) ?? [];
        const what = `${from.key}: ${message.command}, sent to ${target},`;
        const other = requests.find(({ stream, request }) => {
          return stream !== target || request?.command !== message.command || !isSameJson(request.input, message.input);
        });
        if (other) wrong.push(`${what} has arrived as ${other.request?.command} of ${other.stream} with another input`);
        if (streams.get(target)?.erased) {
          // Either before the erasure, or the erasure is told.
          const isAnswered = requests.some(({ answer }) => answer?.kind === "outcome");
          if (!isAnswered && !isDead) wrong.push(`${what} which is erased, is neither answered nor dead`);
          continue;
        }
        const count = arrived.get(`${target} ${cause}`) ?? 0;
        if (count !== 1 && !(count === 0 && isDead)) wrong.push(`${what} has arrived ${count} times`);
      }
    }
    return wrong;
  },
};

/** How often something was stored because of a cause, by stream and cause. */
function arrivalsOf({ streams }: Evidence): ReadonlyMap<string, number> {
  const arrived = new Map<string, number>();
  for (const { key, entries } of streams.values()) {
    for (const { entry } of entries) {
      if (entry.causation === undefined) continue;
      const name = `${key} ${entry.causation}`;
      arrived.set(name, (arrived.get(name) ?? 0) + 1);
    }
  }
  return arrived;
}

/** Requests by their cause. */
function askedBy({ history }: Evidence): ReadonlyMap<string, readonly Operation[]> {
  const asked = new Map<string, Operation[]>();
  for (const operation of history.operations) {
    const cause = operation.request?.context?.causation;
    if (cause === undefined) continue;
    const found = asked.get(cause);
    if (found) found.push(operation);
    else asked.set(cause, [operation]);
  }
  return asked;
}

function* sentBy({ entries, records }: StreamEvidence): Generator<Sent> {
  const counts = new Map<unknown, number>();
  for (const { entry, record } of entries) {
    for (const [i, message] of (entry.messages ?? []).entries()) {
      const n = (counts.get(record) ?? 0) + 1;
      counts.set(record, n);
      yield { message, cause: `${entry.id}-m${i + 1}`, sequence: records.indexOf(record) + 1, n };
    }
  }
}
