import wrap from "@middy/core";
import type { Context as LambdaContext } from "aws-lambda";
import type { Committed } from "../../../core/broker/outbox.ts";
import { createRelay } from "../../../core/broker/relay.ts";
import { within } from "../../../http/deadline.ts";
import { createCached } from "../../../core/runtime/cached.ts";
import { begin, type Container } from "../container.ts";
import { holdfastFlush, holdfastLog } from "../middlewares.ts";
import type { BatchAnswer } from "../queue/event.ts";
import { readStreamEvent, type StreamEvent, type StreamItem } from "./event.ts";

export type StreamHandler = (event: StreamEvent, context: LambdaContext) => Promise<BatchAnswer>;

/** How long before the end of the invocation nothing is begun any more, and what is under way is given up, milliseconds. */
const beginMarginMs = 2_000;
const endMarginMs = 300;

/**
 * Relays what was committed to the broker, as the handler of the table's stream (view NEW_IMAGE). Answers the lowest
 * sequence number that is not there for sure: Lambda goes on from it, and what has been relayed is relayed once more,
 * which changes nothing. A record that cannot be read is logged and among the failed at every attempt, with its stream's
 * later ones, until Lambda hands it to the on-failure destination; all others are relayed meanwhile.
 */
export function createStreamHandler(container: Container): StreamHandler {
  const { app, system } = container;

  // One for all invocations: it remembers how far each stream was relayed.
  const parts = createCached(async () => {
    const [{ journal }, { bus, failures }] = await Promise.all([container.instance(), container.messaging()]);
    return createRelay({ app, bus, journal, failures, system }).relay;
  });

  /** What an invocation has given up ends before the next one relays: two at once would mix up a stream's order. */
  let turn: Promise<unknown> = Promise.resolve();

  async function handle(event: StreamEvent, context: LambdaContext): Promise<BatchAnswer> {
    const { records, failed } = sorted(readStreamEvent(event));
    const relay = await parts();
    const committed = [...records.keys()];
    const left = context.getRemainingTimeInMillis();
    const deadline = system.now() + left - beginMarginMs;
    const relaying = turn.then(() => relay(committed, deadline));
    turn = relaying;
    const rest = await within(system, Math.max(0, left - endMarginMs), relaying, () => new Error("late")).catch(
      (error: unknown) => {
        system.log.warn({ error, records: committed.length }, "relaying took too long; the batch is relayed again");
        return committed;
      },
    );
    const lowest = [...failed, ...rest.map((record) => records.get(record) ?? "")].reduce<string | undefined>(
      lower,
      undefined,
    );
    return { batchItemFailures: lowest === undefined ? [] : [{ itemIdentifier: lowest }] };
  }

  /** What can be relayed, with its sequence numbers, and what has failed already. */
  function sorted(items: readonly StreamItem[]): {
    readonly records: ReadonlyMap<Committed, string>;
    readonly failed: readonly string[];
  } {
    const records = new Map<Committed, string>();
    const failed: string[] = [];
    const held = new Set<string>();
    for (const item of items) {
      if (item.kind === "other") continue;
      const { sequenceNumber, key } = item;
      if (item.kind === "unreadable") {
        system.log.error({ key, error: item.error }, "a record cannot be read; it goes to the on-failure destination");
        if (key !== undefined) held.add(key);
        failed.push(sequenceNumber);
      } else if (held.has(item.key)) {
        // Not before the one that cannot be read.
        failed.push(sequenceNumber);
      } else {
        records.set(item.committed, sequenceNumber);
      }
    }
    return { records, failed };
  }

  begin(parts);
  const handler = wrap<StreamEvent, BatchAnswer>({ timeoutEarlyInMillis: 0 })
    .use(holdfastLog(container))
    .use(holdfastFlush(container))
    .handler(handle);
  return (event, context) => handler(event, context);
}

/** By their value: they have up to 40 digits, and not all the same number of them. */
function lower(a: string | undefined, b: string): string {
  return a !== undefined && BigInt(a) <= BigInt(b) ? a : b;
}
