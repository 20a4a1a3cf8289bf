import { conditions, refusal } from "../conditions.ts";
import { type SessionLock, sessionLockLost } from "../store/sessions.ts";
import { type ManagementOperation, queueOf, type Request } from "./management.ts";

function sessionIdOf({ body }: Request): string {
  const id = body["session-id"];
  if (typeof id === "string") return id;
  throw refusal(conditions.argument, "The request has no session id.");
}

function sessionsOf({ entity }: Request) {
  const { sessions } = queueOf(entity);
  if (sessions) return sessions;
  throw refusal(conditions.notAllowed, `The entity '${entity.path}' has no sessions.`);
}

/** The lock of who asks. A request that names no link is taken to come from the holder. */
function lockOf(request: Request): SessionLock {
  const id = sessionIdOf(request);
  const holder = sessionsOf(request).holder(id);
  const { linkName, peer } = request;
  if (!holder || (linkName !== undefined && peer.accepted.get(linkName) !== holder)) throw sessionLockLost(id);
  return holder;
}

/** Management operations on sessions of an entity. */
export const sessionOperations: Readonly<Record<string, ManagementOperation>> = {
  "com.microsoft:renew-session-lock": {
    kind: "renew-session-lock",
    run: (request) => ({ expiration: new Date(lockOf(request).renew()) }),
  },
  "com.microsoft:get-session-state": {
    kind: "session-state",
    run(request) {
      const { id } = lockOf(request);
      return { "session-state": sessionsOf(request).state(id) ?? null };
    },
  },
  "com.microsoft:set-session-state": {
    kind: "session-state",
    run(request) {
      const { id } = lockOf(request);
      sessionsOf(request).setState(id, request.body["session-state"]);
      return {};
    },
  },
  "com.microsoft:get-message-sessions": {
    kind: "session-state",
    run(request) {
      const { skip, top } = request.body;
      const ids = sessionsOf(request)
        .ids()
        .slice(Number(skip), Number(skip) + Number(top));
      return ids.length === 0 ? undefined : { skip: Number(skip) + ids.length, "sessions-ids": ids };
    },
  },
};
