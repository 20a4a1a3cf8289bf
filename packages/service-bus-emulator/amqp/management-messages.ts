import { conditions, refusal } from "../conditions.ts";
import { contentOf, encodeMessage } from "./content.ts";
import { type ManagementOperation, queueOf, type Request } from "./management.ts";
import { decode, types } from "./rhea.ts";
import { uuidBytes } from "./tokens.ts";

const sequenceType = 0x81;

function sequences({ body }: Request): readonly number[] {
  const found = body["sequence-numbers"];
  if (Array.isArray(found) && found.every((sequence) => typeof sequence === "number")) return found;
  throw refusal(conditions.argument, "The request has no list of sequence numbers.");
}

function target({ entity }: Request): NonNullable<Request["entity"]["target"]> {
  if (entity.target) return entity.target;
  throw refusal(conditions.notAllowed, `Messages cannot be scheduled on '${entity.path}'.`);
}

/** Management operations on messages that nobody has received. */
export const messageOperations: Readonly<Record<string, ManagementOperation>> = {
  "com.microsoft:peek-message": {
    kind: "peek",
    run({ entity, body }) {
      const { "from-sequence-number": from, "message-count": count, "session-id": sessionId } = body;
      const found = queueOf(entity).peek(
        Number(from),
        Number(count),
        typeof sessionId === "string" ? sessionId : undefined,
      );
      return found.length === 0
        ? undefined
        : { messages: found.map((message) => ({ message: encodeMessage(message) })) };
    },
  },
  "com.microsoft:schedule-message": {
    kind: "schedule",
    run(request) {
      const { body, broker } = request;
      // A list of maps, as rhea unwraps them.
      const entries = (body["messages"] ?? []) as readonly { readonly message: Buffer }[];
      const contents = entries.map(({ message }) => contentOf(decode(message), message.length, broker.newId));
      const numbers = target(request).send(contents);
      return { "sequence-numbers": types.wrap_array(numbers, sequenceType, undefined) };
    },
  },
  "com.microsoft:cancel-scheduled-message": {
    kind: "cancel-scheduled",
    run(request) {
      target(request).cancelScheduled(sequences(request));
      return {};
    },
  },
  "com.microsoft:receive-by-sequence-number": {
    kind: "receive-deferred",
    run(request) {
      const { "receiver-settle-mode": settleMode, "session-id": sessionId } = request.body;
      const mode = settleMode === 0 ? "delete" : "lock";
      const found = queueOf(request.entity).takeDeferred(
        sequences(request),
        mode,
        typeof sessionId === "string" ? sessionId : undefined,
      );
      request.broker.operations.count("receive", found.length);
      return {
        messages: found.map((message) => ({
          message: encodeMessage(message),
          "lock-token": types.wrap_uuid(uuidBytes(message.lock?.token ?? request.broker.newId())),
        })),
      };
    },
  },
};
