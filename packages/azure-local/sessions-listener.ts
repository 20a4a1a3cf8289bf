import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBusSessionReceiver } from "@azure/service-bus";
import { handle, isReadyOf, type Listener, type Listening, receiving, renewing, settle } from "./listener.ts";
import { keepLock, type Lock } from "./locks.ts";
import type { ServiceBusTrigger } from "./triggers.ts";

/** How long to wait after an error before the next try, milliseconds. */
const pauseMs = 200;

/** How much longer than its lock a session that was lost is kept, milliseconds: closed before, it would count as no delivery. */
const lostMs = 200;

/** Takes sessions, some at once; of each its messages one after the other, until it has been empty for a while. */
export function listenToSessions(trigger: ServiceBusTrigger, options: Listening): Listener {
  const { client, presence, settings, output } = options;
  const { entity } = trigger;
  const stopped = new AbortController();
  const { signal: abortSignal } = stopped;
  const { promise: aborted, resolve: abort } = Promise.withResolvers<undefined>();
  const open = new Set<Promise<void>>();

  /** Undefined where it is stopped first: the client itself waits on, until it is closed. */
  async function acceptNext(): Promise<ServiceBusSessionReceiver | undefined> {
    const accepted =
      "queue" in entity
        ? client.acceptNextSession(entity.queue, receiving)
        : client.acceptNextSession(entity.topic, entity.subscription, receiving);
    const session = await Promise.race([accepted, aborted]);
    if (session === undefined) accepted.then((late) => late.close()).catch(() => {});
    return session;
  }

  /** Waits for one session at a time; those that it has are served side by side. */
  async function accept(): Promise<void> {
    while (!abortSignal.aborted) {
      try {
        if (open.size >= settings.maxConcurrentSessions) await Promise.race([...open, aborted]);
        const isThere = await Promise.race([isReadyOf(presence), aborted]);
        if (isThere !== true) return;
        const session = await acceptNext();
        if (session === undefined) return;
        if (!presence.isReady) {
          // Whoever had asked for it is gone: it would not have got it.
          await session.close();
          continue;
        }
        const serving = serve(session).finally(() => open.delete(serving));
        open.add(serving);
      } catch (error) {
        if (abortSignal.aborted) return;
        // That no session has messages is no news.
        if (!isQuiet(error)) output(`${trigger.name}: ${String(error)}\n`);
        await sleep(pauseMs, undefined, { signal: abortSignal }).catch(() => {});
      }
    }
  }

  async function serve(session: ServiceBusSessionReceiver): Promise<void> {
    const renew = renewing(presence, () => session.renewSessionLock());
    const lock = keepLock(session.sessionLockedUntilUtc, renew, settings.maxAutoLockRenewalMs);
    try {
      while (!abortSignal.aborted) {
        const [message] = await session.receiveMessages(1, {
          maxWaitTimeInMs: settings.sessionIdleTimeoutMs,
          abortSignal,
        });
        if (message === undefined) break;
        const how = await handle(trigger, options, message, lock);
        if (how === "lost") return void giveUp(session, lock);
        await settle(session, message, how);
      }
    } catch {
      // Stopped, or the lock is lost: what is not settled comes again.
    }
    await lock.release();
    await session.close().catch(() => {});
  }

  /** Others get the session when its lock has run out, no sooner; it takes no place here. */
  async function giveUp(session: ServiceBusSessionReceiver, lock: Lock): Promise<void> {
    await lock.release();
    await sleep(Math.max(0, lock.until() - Date.now()) + lostMs, undefined, { signal: abortSignal }).catch(() => {});
    await session.close().catch(() => {});
  }

  const accepting = accept();
  return {
    async stop() {
      stopped.abort();
      abort(undefined);
      await accepting;
      await Promise.all(open);
    },
  };
}

function isQuiet(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "ServiceTimeout" || code === "SessionCannotBeLocked";
}
