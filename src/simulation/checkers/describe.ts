import type { Operation } from "../history.ts";

/** An operation and its answer, for a message. */
export function describe({ instance, entity, id, kind, request, answer }: Operation): string {
  const what =
    kind === "command" ? `${request?.command}(${JSON.stringify(request?.input) ?? ""}) ${request?.key ?? ""}` : kind;
  const told =
    answer?.kind === "outcome"
      ? `${answer.outcome.ok ? `ok ${JSON.stringify(answer.outcome.reply) ?? ""}` : answer.outcome.code} at ${answer.outcome.version}${answer.outcome.replayed ? ", replayed" : ""}`
      : answer?.kind === "view"
        ? `${JSON.stringify(answer.view)} at ${answer.version}`
        : answer?.kind === "error"
          ? `${answer.code} (${answer.reason})`
          : (answer?.kind ?? "nothing");
  return `${entity} ${id}: ${instance} answered ${what} with ${told}`;
}
