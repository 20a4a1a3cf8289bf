import { definitionsOf, type Evidence } from "../evidence.ts";
import type { Operation } from "../history.ts";
import type { Checker } from "./checker.ts";
import { isValid } from "./decide.ts";
import { describe } from "./describe.ts";
import { hashOfKey, mayBeExpired } from "./keys.ts";

/** What was refused was refused for a reason, and has left nothing; and nothing is stored that nobody has asked for. */
export const refused: Checker = {
  name: "refused",
  check(evidence) {
    const { streams, history } = evidence;
    const wrong: string[] = [];
    /** By stream and key: whether each request was told that nothing has happened. */
    const settled = new Map<string, boolean>();
    const keyless = new Set<string>();
    /** What an audited command may have left behind: that it was refused, without its key. */
    const audited = new Set<string>();
    for (const operation of history.operations) {
      const { answer, request, stream } = operation;
      const hash = request && hashOfKey(request);
      const name = `${stream} ${hash}`;
      if (hash !== undefined) settled.set(name, (settled.get(name) ?? true) && isDefinite(operation));
      else if (request && !isDefinite(operation)) keyless.add(`${stream} ${request.command}`);
      if (
        request &&
        definitionsOf(evidence, operation.entity).some((one) => one.commands.get(request.command)?.audit)
      ) {
        audited.add(`${stream} ${request.command}`);
      }
      if (answer?.kind !== "error") continue;
      const doubt = doubtOf(evidence, operation, answer.code);
      if (doubt !== undefined) wrong.push(`${describe(operation)}${doubt}`);
    }
    for (const { key, entries, erased } of streams.values()) {
      for (const { entry, record } of erased ? [] : entries) {
        if (entry.rejected && entry.key === undefined && audited.has(`${key} ${entry.command}`)) continue;
        const isRefused = entry.key === undefined ? undefined : settled.get(`${key} ${entry.key}`);
        const what = `${key}: ${entry.command} in record ${record.sequence}`;
        if (isRefused) wrong.push(`${what} was refused each time that somebody asked for it`);
        else if (isRefused === undefined && (entry.key !== undefined || !keyless.has(`${key} ${entry.command}`))) {
          wrong.push(`${what} is what nobody has asked for`);
        }
      }
    }
    return wrong;
  },
};

/** Whether it was told that nothing has happened. */
function isDefinite({ answer }: Operation): boolean {
  return answer?.kind === "error" && answer.code !== "outcome-unknown" && answer.code !== "unknown";
}

/** Why a refusal cannot be right; absent: it can. */
function doubtOf(evidence: Evidence, operation: Operation, code: string): string | undefined {
  const { request, kind, entity } = operation;
  const definitions = definitionsOf(evidence, entity);
  const commands = definitions.flatMap(({ commands }) => commands.get(request?.command ?? "") ?? []);
  const isKnownToAll = definitions.length === evidence.apps.length;
  switch (code) {
    case "journal-corrupt":
      return "";
    case "internal":
      // What is prepared may fail as whatever it asks does.
      return kind === "erase" || commands.some(({ prepare }) => prepare) ? undefined : "";
    case "unknown-entity":
      return isKnownToAll ? ", and all know it" : undefined;
    case "unknown-command":
      return isKnownToAll && commands.length === evidence.apps.length ? ", and all know it" : undefined;
    case "unknown-event":
      return evidence.apps.length === 1 ? ", and there is no newer code" : undefined;
    case "no-view":
      return definitions.every(({ view }) => view !== false) ? ", and there is a view" : undefined;
    case "unauthenticated":
    case "forbidden":
      return definitions.every(({ authorize }) => authorize === undefined) ? ", and nobody forbids it" : undefined;
    case "deadline-exceeded":
      if (commands.some(({ prepare }) => prepare)) return undefined;
      return operation.told <= (request?.deadline ?? Infinity) ? ", and it was not" : undefined;
    case "validation-failed":
      return request && commands.every((command) => isValid(command, request)) ? ", and its input is valid" : undefined;
    case "idempotency-key-expired":
      return mayBeExpired(evidence, operation) ? undefined : ", and its key is not that old";
    default:
      return undefined;
  }
}
