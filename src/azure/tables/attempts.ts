import type { TableClient } from "@azure/data-tables";
import { isDefinite, isRefusal } from "./errors.ts";

type Pipeline = TableClient["pipeline"];

/** What became of the attempts of one request. */
export interface Attempts {
  /** One of them ended so that nobody knows what it did. */
  doubt: boolean;
  /** One of them was answered, and not refused as a whole: a transaction's parts are refused inside such an answer. */
  accepted: boolean;
}

const watched = new WeakSet<Pipeline>();
const attemptsOf = new WeakMap<object, Attempts>();

/**
 * Has the attempts of requests watched below the SDK's retries, which throw the last attempt's error only: "throttled" may
 * follow a write that landed. A request is known by its signal.
 */
export function watchAttempts({ pipeline }: TableClient): (signal: AbortSignal) => Attempts {
  if (!watched.has(pipeline)) {
    watched.add(pipeline);
    const names = new Set(pipeline.getOrderedPolicies().map(({ name }) => name));
    let name = "holdfastAttempts";
    // Another copy of this module has the client as well.
    while (names.has(name)) name += "-";
    pipeline.addPolicy(
      {
        name,
        async sendRequest(request, next) {
          const attempts = request.abortSignal && attemptsOf.get(request.abortSignal);
          if (!attempts) return next(request);
          try {
            const response = await next(request);
            const { status, bodyAsText } = response;
            const code = bodyAsText?.includes("ServerBusy") ? "ServerBusy" : "";
            if (status < 400) attempts.accepted = true;
            else attempts.doubt ||= !isRefusal(status, code);
            return response;
          } catch (error) {
            attempts.doubt ||= !isDefinite(error);
            throw error;
          }
        },
      },
      { afterPhase: "Retry" },
    );
  }
  return (signal) => {
    const attempts = { doubt: false, accepted: false };
    attemptsOf.set(signal, attempts);
    return attempts;
  };
}
