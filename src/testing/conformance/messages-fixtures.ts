import { equal, fail } from "node:assert/strict";
import type { Change, Claim, DeadLetter, QueuedMessage, Reason, Reference, Taken } from "../../core/delivery/port.ts";
import type { StreamId } from "../../core/journal/port.ts";
import type { Failures } from "../../core/messaging/policy.ts";
import type { DeliveryStore } from "./delivery-case.ts";
import { cart, plain } from "./fixtures.ts";

/** When the cases begin, epoch milliseconds. */
export const now = 1_767_225_600_000;

/** The consumer of most cases. */
export const consumer = "subscription:one";

/** Later than everything that a case makes due. */
export const far: number = now + 1_000_000_000;

export const failures: Failures = { attempts: 2, since: now - 5_000 };

export const reason: Reason = { code: "bad", message: "It is bad.", stack: "Error: bad\n    at here" };

/** What `owner` says when it wants a consumer for ten seconds. */
export function claimOf(owner: string, changes: Partial<Claim> = {}): Claim {
  const at = changes.now ?? now;
  return { owner, now: at, until: at + 10_000, longest: at + 60_000, start: "beginning", ...changes };
}

/** Takes the consumer; it must not be held. */
export async function own(store: DeliveryStore, owner = "o1", claim: Partial<Claim> = {}): Promise<Taken> {
  const answer = await store.take(consumer, claimOf(owner, claim));
  if (answer.kind === "taken") return answer;
  return fail(`${consumer} is held until ${answer.until}, not taken by ${owner}`);
}

/** Settles changes as the owner `o1`. */
export async function settles(store: DeliveryStore, ...changes: readonly Change[]): Promise<void> {
  equal(await store.settle(consumer, "o1", { position: 0, until: now + 10_000, changes }), true, "settle");
}

/** A store whose consumer is owned by `o1`. */
export async function owned(open: () => Promise<DeliveryStore> | DeliveryStore): Promise<DeliveryStore> {
  const store = await open();
  await own(store);
  return store;
}

/** All messages that are due by `at`. */
export async function dueBy(
  store: DeliveryStore,
  at: number = far,
  of: string = consumer,
): Promise<readonly QueuedMessage[]> {
  return plain((await store.due(of, { now: at, limit: 1_000 })).messages);
}

/** The only message that is due by `at`. */
export async function onlyDue(store: DeliveryStore, at: number = far): Promise<QueuedMessage> {
  const messages = await dueBy(store, at);
  const [message] = messages;
  equal(messages.length, 1, "messages that are due");
  return message as QueuedMessage;
}

/** All dead letters. */
export async function deadOf(store: DeliveryStore, of?: string): Promise<readonly DeadLetter[]> {
  return plain(await store.dead({ limit: 1_000, ...(of !== undefined && { consumer: of }) }));
}

/** When the message that is found so is due, seen from outside. */
export async function dueAt(store: DeliveryStore, is: (message: QueuedMessage) => boolean): Promise<number> {
  for (let at = now; ; ) {
    const { messages, nextAt } = await store.due(consumer, { now: at, limit: 1_000 });
    if (messages.some(is)) return at;
    if (nextAt === undefined) fail("no such message is due, ever");
    at = nextAt;
  }
}

export const at = (sequence: number, n = 1, stream: StreamId = cart): Reference => ({ stream, sequence, n });

/** Sends messages that bear these names, one millisecond after the other. */
export async function sendNamed(store: DeliveryStore, names: readonly string[], of: string = consumer): Promise<void> {
  await store.send(
    of,
    names.map((name, i) => ({ name, body: `"${name}"`, created: now + i })),
  );
}

/** Sends one message and makes it a dead letter. Answers its id. */
export async function bury(store: DeliveryStore, name = "m"): Promise<number> {
  await sendNamed(store, [name]);
  const message = (await dueBy(store)).find((candidate) => candidate.name === name);
  const id = message?.id ?? 0;
  await settles(store, { kind: "bury", id, failures, reason });
  return id;
}

export const names = (messages: readonly QueuedMessage[]): readonly (string | undefined)[] =>
  messages.map(({ name }) => name);

/** A timer that is armed. */
export function arm(due: number, sequence: number, name = "later", stream: StreamId = cart): Change {
  return { kind: "arm", name, stream, due, sequence, now };
}
