import { conditions, refusal } from "../conditions.ts";
import { createCounter, type StoreContext } from "./context.ts";
import { createDuplicates } from "./duplicates.ts";
import { createLane, type Lane } from "./lane.ts";
import { type Content, type Message, type Outcome, type ReceiveMode, withProperties } from "./message.ts";
import type { QueueOptions } from "./options.ts";
import { createScheduled } from "./scheduled.ts";
import { createSessions, type SessionLock, type Sessions, sessionLockLost } from "./sessions.ts";

export interface Appended {
  readonly enqueuedSequence?: number;
  readonly deliveryCount?: number;
  readonly deadLetterSource?: string;
}

/** Messages in order, as a queue, a subscription or a dead-letter queue holds them. */
export interface Queue {
  readonly path: string;
  readonly options: QueueOptions;
  /** A dead-letter queue has none. */
  readonly deadLetters: Queue | undefined;
  /** There where sessions are required. */
  readonly sessions: Sessions | undefined;
  /** The lane of who receives without a session. */
  readonly lane: Lane;
  /**
   * Takes what a sender sends, all or nothing: drops duplicates, holds what is scheduled. Answers the sequence numbers by
   * which what is scheduled can be cancelled.
   * @throws a refusal when one of them has no session id and needs one.
   */
  send(contents: readonly Content[]): readonly number[];
  /** Puts it at the end, whatever its id and schedule. */
  append(content: Content, appended?: Appended): void;
  cancelScheduled(sequences: readonly number[]): void;
  /** The first message of a lane, or nothing. `lock`: its lock token is on the message. */
  take(mode: ReceiveMode, session?: SessionLock): Message | undefined;
  /** @throws a refusal when one of them is not deferred, and then takes none. */
  takeDeferred(sequences: readonly number[], mode: ReceiveMode, sessionId?: string): readonly Message[];
  /** @throws a refusal (`...lock-lost`) when the lock is gone. */
  settle(token: string, outcome: Outcome, session?: SessionLock): void;
  /** Answers until when it holds now. @throws a refusal when the lock is gone. */
  renew(token: string): number;
  /** Everything from that sequence number on, locked, deferred and scheduled ones too; nothing changes. */
  peek(from: number, count: number, sessionId?: string): readonly Message[];
  messages(): readonly Message[];
  /** Ends its timers, and its messages are gone. */
  close(): void;
}

const lockMsDefault = 60_000;
const maxDeliveryCountDefault = 10;

export function createQueue(context: StoreContext, path: string, options: QueueOptions, deadLetters?: Queue): Queue {
  const { clock } = context;
  const { lockDurationMs: lockMs = lockMsDefault, maxDeliveryCount = maxDeliveryCountDefault } = options;
  const nextSequence = createCounter();
  const messages = new Map<number, Message>();
  const locked = new Map<string, { readonly message: Message; readonly session?: SessionLock; callOff(): void }>();
  const expiries = new Map<number, () => void>();
  const duplicates = createDuplicates(clock, options.duplicateDetectionWindowMs);
  const scheduled = createScheduled(clock, nextSequence, (content, enqueuedSequence) =>
    append(content, { enqueuedSequence }),
  );
  const lane = createLane();
  const sessions = options.requiresSession ? createSessions(clock, lockMs, sessionEnded) : undefined;

  function laneOf({ content }: Message): Lane {
    return sessions ? sessions.lane(content.sessionId ?? "") : lane;
  }

  function wake({ content }: Message): void {
    if (sessions) sessions.wake(content.sessionId ?? "");
    else lane.wake();
  }

  function append(content: Content, appended: Appended = {}): void {
    const sequence = nextSequence();
    const now = clock.now();
    const liveMs = Math.min(content.timeToLiveMs ?? Infinity, options.defaultTimeToLiveMs ?? Infinity);
    const message: Message = {
      sequence,
      enqueuedSequence: appended.enqueuedSequence ?? sequence,
      content,
      enqueuedAtMs: now,
      // What is dead does not expire.
      expiresAtMs: deadLetters && Number.isFinite(liveMs) ? now + liveMs : undefined,
      deliveryCount: appended.deliveryCount ?? 0,
      state: "active",
      lock: undefined,
      deadLetterSource: appended.deadLetterSource,
    };
    messages.set(sequence, message);
    if (message.expiresAtMs !== undefined)
      expiries.set(
        sequence,
        clock.after(liveMs, () => expire(message)),
      );
    if (sessions && content.sessionId === undefined) {
      bury(message, "Session id is null.", "Session enabled entity doesn't allow a message without a session id.");
      return;
    }
    laneOf(message).line.insert(sequence);
    wake(message);
  }

  function remove(message: Message): void {
    laneOf(message).line.delete(message.sequence);
    messages.delete(message.sequence);
    expiries.get(message.sequence)?.();
    expiries.delete(message.sequence);
  }

  function bury(message: Message, reason?: string, description?: string): void {
    remove(message);
    const content = withProperties(message.content, {
      ...(reason !== undefined && { DeadLetterReason: reason }),
      ...(description !== undefined && { DeadLetterErrorDescription: description }),
    });
    deadLetters?.append(content, { deliveryCount: message.deliveryCount, deadLetterSource: path });
  }

  /** What is locked or deferred stays: a lock's end looks again, and deferred messages do not expire. */
  function expire(message: Message): void {
    if (message.lock || message.state === "deferred") return;
    if (options.deadLetterOnExpiration) {
      bury(message, "TTLExpiredException", "The message expired and was dead lettered.");
    } else remove(message);
  }

  function isExpired({ expiresAtMs }: Message): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= clock.now();
  }

  function hand(message: Message, mode: ReceiveMode, session?: SessionLock): Message {
    if (mode === "delete") {
      remove(message);
      return message;
    }
    laneOf(message).line.delete(message.sequence);
    const token = context.newId();
    if (session) {
      message.lock = {
        token,
        get untilMs() {
          return session.untilMs;
        },
      };
      locked.set(token, { message, session, callOff: () => undefined });
    } else {
      message.lock = { token, untilMs: clock.now() + lockMs };
      locked.set(token, { message, callOff: clock.after(lockMs, () => giveBack(token, true)) });
    }
    return message;
  }

  /** Ends a lock without a settlement, or with one that keeps the message. */
  function giveBack(token: string, counts: boolean): void {
    const { message } = unlock(token) ?? {};
    if (!message) return;
    if (counts && ++message.deliveryCount >= maxDeliveryCount && deadLetters) {
      const description = `Message could not be consumed after ${message.deliveryCount} delivery attempts.`;
      bury(message, "MaxDeliveryCountExceeded", description);
    } else if (message.state === "deferred") return;
    else if (isExpired(message)) expire(message);
    else {
      laneOf(message).line.insert(message.sequence);
      wake(message);
    }
  }

  function unlock(token: string) {
    const found = locked.get(token);
    if (!found) return undefined;
    locked.delete(token);
    found.callOff();
    found.message.lock = undefined;
    return found;
  }

  function sessionEnded(session: SessionLock, expired: boolean): void {
    for (const [token, found] of locked) if (found.session === session) giveBack(token, expired);
  }

  function settle(token: string, outcome: Outcome, session?: SessionLock): void {
    const message = locked.get(token)?.message;
    if (!message && session?.lost) throw sessionLockLost(session.id);
    if (!message) throw lockLost(token);
    if (outcome.kind === "complete") {
      unlock(token);
      remove(message);
      return;
    }
    message.content = withProperties(message.content, outcome.properties);
    if (outcome.kind === "defer") message.state = "deferred";
    if (outcome.kind === "dead-letter" && deadLetters) {
      unlock(token);
      bury(message, outcome.reason, outcome.description);
    } else giveBack(token, outcome.kind === "abandon");
  }

  function check(content: Content): void {
    if (!sessions || content.sessionId !== undefined) return;
    throw refusal(
      conditions.notAllowed,
      `The entity '${path}' requires sessions: message '${content.messageId}' has no session id. Set one.`,
    );
  }

  return {
    path,
    options,
    deadLetters,
    sessions,
    lane,
    send(contents) {
      for (const content of contents) check(content);
      return contents.map((content) => {
        if (duplicates.seen(content.messageId)) return nextSequence();
        if (content.scheduledAtMs !== undefined) return scheduled.add(content);
        append(content);
        return 0;
      });
    },
    append,
    cancelScheduled: scheduled.cancel,
    take(mode, session) {
      if (session?.lost) return undefined;
      const { line } = session?.lane ?? lane;
      for (let first = line.first(); first !== undefined; first = line.first()) {
        const message = messages.get(first);
        if (message && !isExpired(message)) return hand(message, mode, session);
        if (message) expire(message);
        line.delete(first);
      }
      return undefined;
    },
    takeDeferred(sequences, mode, sessionId) {
      const session = sessionId === undefined ? undefined : sessions?.holder(sessionId);
      const found = sequences.map((sequence) => {
        const message = messages.get(sequence);
        const mine = !sessions || (session !== undefined && message?.content.sessionId === sessionId);
        if (message?.state === "deferred" && !message.lock && mine) return message;
        throw refusal(
          conditions.messageNotFound,
          `No deferred message that is not locked has the sequence number ${sequence}.`,
        );
      });
      return found.map((message) => hand(message, mode, session));
    },
    settle,
    renew(token) {
      const found = locked.get(token);
      if (!found) throw lockLost(token);
      if (found.session) return found.session.renew();
      found.callOff();
      const untilMs = clock.now() + lockMs;
      found.message.lock = { token, untilMs };
      locked.set(token, { message: found.message, callOff: clock.after(lockMs, () => giveBack(token, true)) });
      return untilMs;
    },
    peek(from, count, sessionId) {
      return [...messages.values(), ...scheduled.list()]
        .filter(
          ({ sequence, content }) => sequence >= from && (sessionId === undefined || content.sessionId === sessionId),
        )
        .toSorted((left, right) => left.sequence - right.sequence)
        .slice(0, count);
    },
    messages: () =>
      [...messages.values(), ...scheduled.list()].toSorted((left, right) => left.sequence - right.sequence),
    close() {
      scheduled.close();
      sessions?.close();
      for (const { callOff } of locked.values()) callOff();
      for (const callOff of expiries.values()) callOff();
      for (const held of [messages, locked, expiries]) held.clear();
      deadLetters?.close();
    },
  };
}

function lockLost(token: string): Error {
  return refusal(
    conditions.lockLost,
    `The lock supplied is invalid: the lock ${token} has expired, or the message was settled already.`,
  );
}

/** A queue with its dead-letter queue. */
export function createQueueWithDeadLetters(context: StoreContext, path: string, options: QueueOptions): Queue {
  const { lockDurationMs } = options;
  const ownPath = `${path}/$DeadLetterQueue`;
  const deadLetters = createQueue(context, ownPath, lockDurationMs === undefined ? {} : { lockDurationMs });
  return createQueue(context, path, options, deadLetters);
}
