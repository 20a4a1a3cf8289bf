import type { Clock } from "../clock.ts";
import { conditions, refusal } from "../conditions.ts";
import { createLane, type Lane } from "./lane.ts";

/** One receiver's hold on a session. */
export interface SessionLock {
  readonly id: string;
  readonly lane: Lane;
  /** Epoch milliseconds. */
  readonly untilMs: number;
  readonly lost: boolean;
  /** @throws a refusal (`com.microsoft:session-lock-lost`) when the lock is gone. */
  renew(): number;
  /** Gives it back. What was handed out under it returns to its place, and that counts as no delivery. Repeatable. */
  release(): void;
  /** Called once when time has run out. */
  onLost(listener: () => void): void;
}

interface Session {
  readonly lane: Lane;
  holder: SessionLock | undefined;
  state: unknown;
}

export interface Sessions {
  lane(id: string): Lane;
  holder(id: string): SessionLock | undefined;
  /** @throws a refusal (`com.microsoft:session-cannot-be-locked`) when another one holds it. */
  accept(id: string): SessionLock;
  /** The next session that has messages and no holder, now or later; answers how to give up waiting. First come, first served. */
  acceptNext(granted: (lock: SessionLock) => void): () => void;
  /** A message has come to it. */
  wake(id: string): void;
  state(id: string): unknown;
  setState(id: string, state: unknown): void;
  ids(): readonly string[];
  close(): void;
}

/** `ended` is told that a lock is no longer held, and whether because time ran out. */
export function createSessions(
  clock: Clock,
  lockMs: number,
  ended: (lock: SessionLock, expired: boolean) => void,
): Sessions {
  const sessions = new Map<string, Session>();
  let waiters: readonly ((lock: SessionLock) => void)[] = [];

  function sessionOf(id: string): Session {
    const known = sessions.get(id);
    if (known) return known;
    const session: Session = { lane: createLane(), holder: undefined, state: undefined };
    sessions.set(id, session);
    return session;
  }

  function hold(id: string, session: Session): SessionLock {
    const listeners: (() => void)[] = [];
    let untilMs = clock.now() + lockMs;
    let callOff = clock.after(lockMs, expire);
    let held = true;

    function end(expired: boolean): void {
      if (!held) return;
      held = false;
      callOff();
      // The next holder comes when all that was handed out is back in its place, or it would miss the first of it.
      ended(lock, expired);
      session.holder = undefined;
      // Or every id that there ever was would be looked at for the next free one.
      if (session.lane.line.size === 0 && session.state == null) sessions.delete(id);
      serve();
    }

    function expire(): void {
      end(true);
      for (const listener of listeners) listener();
    }

    const lock: SessionLock = {
      id,
      lane: session.lane,
      get untilMs() {
        return untilMs;
      },
      get lost() {
        return !held;
      },
      renew() {
        if (!held) throw sessionLockLost(id);
        callOff();
        untilMs = clock.now() + lockMs;
        callOff = clock.after(lockMs, expire);
        return untilMs;
      },
      release: () => end(false),
      onLost: (listener) => void listeners.push(listener),
    };
    session.holder = lock;
    return lock;
  }

  /** The oldest message's session among those that nobody holds. */
  function free(): string | undefined {
    let found: string | undefined;
    let oldest = Infinity;
    for (const [id, { lane, holder }] of sessions) {
      const first = holder ? undefined : lane.line.first();
      if (first === undefined || first >= oldest) continue;
      [found, oldest] = [id, first];
    }
    return found;
  }

  function serve(): void {
    while (waiters.length > 0) {
      const id = free();
      if (id === undefined) return;
      const [granted, ...rest] = waiters;
      waiters = rest;
      granted?.(hold(id, sessionOf(id)));
    }
  }

  return {
    lane: (id) => sessionOf(id).lane,
    holder: (id) => sessions.get(id)?.holder,
    accept(id) {
      const session = sessionOf(id);
      if (!session.holder) return hold(id, session);
      throw refusal(conditions.sessionCannotBeLocked, `The session '${id}' is locked by another receiver.`);
    },
    acceptNext(granted) {
      waiters = [...waiters, granted];
      serve();
      return () => {
        waiters = waiters.filter((other) => other !== granted);
      };
    },
    wake(id) {
      const { lane, holder } = sessionOf(id);
      if (holder) lane.wake();
      else serve();
    },
    state: (id) => sessions.get(id)?.state,
    setState(id, state) {
      sessionOf(id).state = state;
    },
    ids: () => [...sessions].filter(([, { lane, state }]) => lane.line.size > 0 || state != null).map(([id]) => id),
    close() {
      waiters = [];
      for (const { holder } of sessions.values()) holder?.release();
    },
  };
}

export function sessionLockLost(id: string): Error {
  return refusal(
    conditions.sessionLockLost,
    `The session lock is invalid: the lock on session '${id}' has expired or was given back. Accept the session again.`,
  );
}
