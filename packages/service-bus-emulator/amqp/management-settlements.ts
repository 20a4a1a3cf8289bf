import { conditions, refusal } from "../conditions.ts";
import type { Outcome } from "../store/message.ts";
import { type ManagementOperation, queueOf, type Request } from "./management.ts";
import { types } from "./rhea.ts";
import { uuidText } from "./tokens.ts";

const timestampType = 0x83;

function tokens({ body }: Request): readonly string[] {
  const found = body["lock-tokens"];
  if (Array.isArray(found) && found.every((token) => token instanceof Uint8Array)) return found.map(uuidText);
  throw refusal(conditions.argument, "The request has no list of lock tokens.");
}

function outcome({ body }: Request): Outcome {
  const {
    "disposition-status": status,
    "deadletter-reason": reason,
    "deadletter-description": description,
    "properties-to-modify": modified,
  } = body;
  const properties = typeof modified === "object" && modified !== null ? { properties: { ...modified } } : {};
  switch (status) {
    case "completed":
      return { kind: "complete" };
    case "abandoned":
      return { kind: "abandon", ...properties };
    // Its own spelling.
    case "defered":
      return { kind: "defer", ...properties };
    case "suspended":
      return {
        kind: "dead-letter",
        ...(typeof reason === "string" && { reason }),
        ...(typeof description === "string" && { description }),
        ...properties,
      };
    default:
      throw refusal(conditions.argument, `The disposition status '${String(status)}' is not known.`);
  }
}

/** Management operations on messages that are locked. */
export const settlementOperations: Readonly<Record<string, ManagementOperation>> = {
  "com.microsoft:renew-lock": {
    kind: "renew-lock",
    run(request) {
      const queue = queueOf(request.entity);
      const expirations = tokens(request).map((token) => new Date(queue.renew(token)));
      return { expirations: types.wrap_array(expirations, timestampType, undefined) };
    },
  },
  "com.microsoft:update-disposition": {
    kind: "settle",
    run(request) {
      const queue = queueOf(request.entity);
      const wanted = outcome(request);
      for (const token of tokens(request)) queue.settle(token, wanted);
      return {};
    },
  },
};
