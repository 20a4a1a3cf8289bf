import type { TableClient } from "@azure/data-tables";
import type { ServiceBus } from "@holdfast/service-bus-emulator";

/** What went over the wire. */
export interface Counts {
  readonly tableReads: number;
  readonly tableWrites: number;
  /** Messages sent, and the calls that sent them. */
  readonly messages: number;
  readonly sends: number;
  readonly received: number;
  readonly settled: number;
  readonly sessions: number;
}

export interface Meter {
  /** What went over the wire since the last call. */
  take(): Counts;
}

/**
 * Counts the requests of the client below the SDK, its retries included, and what clients have asked the broker for.
 * @throws Error (of a request) for a transaction, whose rows are billed: what is measured must have none
 */
export function meter({ pipeline }: TableClient, broker: ServiceBus): Meter {
  let [tableReads, tableWrites] = [0, 0];
  pipeline.addPolicy(
    {
      name: "benchMeter",
      sendRequest(request, next) {
        if (request.url.endsWith("$batch")) throw new Error("Nobody counts the rows of a transaction.");
        if (request.method === "GET") tableReads++;
        else tableWrites++;
        return next(request);
      },
    },
    { afterPhase: "Retry" },
  );
  return {
    take() {
      const { message = 0, send = 0, receive = 0, settle = 0, "accept-session": accepted = 0 } = broker.operations();
      const counts = { messages: message, sends: send, received: receive, settled: settle, sessions: accepted };
      const taken = { tableReads, tableWrites, ...counts };
      [tableReads, tableWrites] = [0, 0];
      broker.resetOperations();
      return taken;
    },
  };
}

/** The operations that are billed: each message sent, each received, each settled, each session accepted. */
export function operationsOf({ messages, received, settled, sessions }: Counts): number {
  return messages + received + settled + sessions;
}

/** Both together. */
export function sum(all: readonly Counts[]): Counts {
  const of = (key: keyof Counts): number => all.reduce((total, counts) => total + counts[key], 0);
  return {
    tableReads: of("tableReads"),
    tableWrites: of("tableWrites"),
    messages: of("messages"),
    sends: of("sends"),
    received: of("received"),
    settled: of("settled"),
    sessions: of("sessions"),
  };
}

/** Of one of so many. */
export function each(counts: Counts, count: number): Counts {
  const one = Object.entries(counts).map(([key, value]: [string, number]) => [key, value / count]);
  // The same keys.
  return Object.fromEntries(one) as unknown as Counts;
}
