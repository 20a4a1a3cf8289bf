/** What goes wrong has an AMQP condition; the client maps it to its own code (`MessageLockLost`, ...). */
export const conditions = {
  alreadyExists: "com.microsoft:entity-already-exists",
  argument: "com.microsoft:argument-error",
  internal: "amqp:internal-error",
  lockLost: "com.microsoft:message-lock-lost",
  messageNotFound: "com.microsoft:message-not-found",
  notAllowed: "amqp:not-allowed",
  notFound: "amqp:not-found",
  notImplemented: "amqp:not-implemented",
  sessionCannotBeLocked: "com.microsoft:session-cannot-be-locked",
  sessionLockLost: "com.microsoft:session-lock-lost",
  timeout: "com.microsoft:timeout",
  tooLarge: "amqp:link:message-size-exceeded",
} as const;

/** An error that is told to the client as an AMQP condition with a description. */
export interface Refusal extends Error {
  readonly condition: string;
}

export function refusal(condition: string, description: string): Refusal {
  return Object.assign(new Error(description), { condition });
}

export function isRefusal(error: unknown): error is Refusal {
  return error instanceof Error && "condition" in error && typeof error.condition === "string";
}

/** Whatever was thrown, as an error that a client can be told. */
export function asRefusal(error: unknown): Refusal {
  if (isRefusal(error)) return error;
  return refusal(conditions.internal, error instanceof Error ? error.message : String(error));
}

/** The text by which the client knows `MessagingEntityNotFound`. Source: core-amqp, errors.ts, `translate`. */
export function entityNotFound(address: string): Refusal {
  return refusal(conditions.notFound, `The messaging entity '${address}' could not be found.`);
}
