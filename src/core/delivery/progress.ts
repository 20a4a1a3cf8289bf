import type { System } from "../runtime/system.ts";
import type { Cursor } from "./cursor.ts";
import type { Change, MessageStore, Taken } from "./port.ts";

/** How long a consumer is owned, unless that is renewed, milliseconds. */
export const leaseMs = 5_000;
/** How long what was handled may wait to be stored, milliseconds: it is handled again if the process dies before. */
const groupMs = 10;
/** With the clocks of two processes this far apart, milliseconds. */
const longestMs = 60_000;

/** The ownership of a consumer, and what is stored of its progress. */
export interface Progress {
  isOwner(): boolean;
  /** When it may be ours, epoch milliseconds, if somebody else has it. */
  readonly heldUntil: number;
  /** The cursor's position in the store, as far as is known. */
  readonly stored: number;
  /** True if the consumer is ours, and was all along. False: somebody else has it, or `onTaken` was called. */
  own(): Promise<boolean>;
  /** Notes a change, to be stored soon with the cursor. */
  note(...changes: readonly Change[]): void;
  /** Stores what was noted and how far the cursor is; renews the lease. */
  flush(): void;
  /** The same; where only the cursor has moved, a few milliseconds later, together with what moves it until then. */
  flushSoon(): void;
  /** Does not wait for those milliseconds. */
  flushIfDue(): void;
  /** Changes that wait to be stored. */
  readonly noted: number;
  /** Whether something waits to be stored. */
  readonly busy: boolean;
  /** Stores what is left and gives the consumer back. */
  release(): Promise<void>;
}

export interface ProgressOptions {
  readonly name: string;
  readonly start: "now" | "beginning";
  readonly store: MessageStore;
  readonly system: System;
  readonly cursor: Cursor;
  /** It has become ours: what is in memory is worthless, this holds. */
  readonly onTaken: (taken: Taken) => void;
  /** It is somebody else's. */
  readonly onLost: () => void;
  readonly onStored: (changes: readonly Change[]) => void;
  /** Nothing is left to be stored. */
  readonly onFlushed: () => void;
}

/**
 * Stores progress in groups: what is noted while one group is being stored goes with the next. A failure of the store
 * loses nothing but time; when the lease is over by then, everything is done again from what is stored.
 */
export function createProgress(options: ProgressOptions): Progress {
  const { name, start, store, system, cursor, onTaken, onLost, onStored, onFlushed } = options;
  /** Another one for each ownership: what an earlier one wanted to store, and comes late, is refused. */
  let owner = system.newId();
  let changes: Change[] = [];
  let until = 0;
  let heldUntil = 0;
  let stored = 0;
  /** What is noted belongs to this ownership. */
  let session = {};
  let dirty = false;
  /** Since progress could be stored last. */
  let failures = 0;
  /** What is in memory is what was taken, and what became of it. */
  let adopted = false;
  let owning: Promise<boolean> | undefined;
  /** A settlement on its way to the store. */
  let settling: Promise<boolean> | undefined;
  let flushing: Promise<void> | undefined;
  let releasing = false;
  let cancelGroup: (() => void) | undefined;

  const isOwner = (): boolean => system.now() < until;

  function own(): Promise<boolean> {
    if (isOwner()) return Promise.resolve(true);
    // One at a time: an answer that comes before an earlier one says less.
    owning ??= take().finally(() => void (owning = undefined));
    return owning;
  }

  async function take(): Promise<boolean> {
    // Its owner is this one: behind the answer to this it would change what nobody here would know of.
    if (settling) await settling.catch(() => {});
    if (isOwner()) return true;
    const now = system.now();
    const mine = session;
    const wasAdopted = adopted;
    // Until the answer is here: one that is lost may have said that somebody else has owned it in between.
    adopted = false;
    const answer = await store.take(name, { owner, now, until: now + leaseMs, longest: now + longestMs, start });
    if (mine !== session) return false;
    if (answer.kind === "held") {
      const wasOurs = until > 0;
      heldUntil = answer.until;
      lose(answer.position);
      if (wasOurs) onLost();
      return false;
    }
    until = now + leaseMs;
    heldUntil = 0;
    adopted = true;
    if (answer.kept && wasAdopted) return true;
    session = {};
    changes = [];
    stored = answer.position;
    if (releasing) cursor.reset(stored);
    else onTaken(answer);
    return false;
  }

  function lose(position: number): void {
    session = {};
    changes = [];
    dirty = false;
    adopted = false;
    owner = system.newId();
    until = 0;
    stored = position;
    cursor.reset(position);
  }

  function flushSoon(): void {
    if (changes.length > 0) return flush();
    cancelGroup ??= system.after(groupMs, flush);
  }

  function flush(): void {
    cancelGroup?.();
    cancelGroup = undefined;
    dirty = true;
    flushing ??= new Promise<void>((resolve) => system.soon(resolve)).then(flushAll);
  }

  async function flushAll(): Promise<void> {
    while (dirty && !releasing) {
      dirty = false;
      await flushOnce();
    }
    flushing = undefined;
    onFlushed();
  }

  async function flushOnce(): Promise<void> {
    // Whose progress it is, is being found out.
    await owning?.catch(() => {});
    if (until === 0) return;
    const mine = session;
    const batch = changes;
    changes = [];
    const position = Math.max(stored, cursor.done);
    const now = system.now();
    let kept: boolean;
    try {
      settling = store.settle(name, owner, { position, until: now + leaseMs, changes: batch });
      kept = await settling;
      settling = undefined;
    } catch (error) {
      settling = undefined;
      if (mine !== session) return;
      system.log.warn({ consumer: name, error }, `${name} could not store its progress; it tries again`);
      changes = [...batch, ...changes];
      dirty = true;
      const delayMs = Math.min(1_000, 100 * 2 ** ++failures) * (0.5 + system.random() / 2);
      await new Promise<void>((resolve) => void system.after(delayMs, resolve));
      return;
    }
    if (mine !== session) return;
    failures = 0;
    if (!kept) {
      system.log.warn({ consumer: name }, `${name} was taken over by another process; what ran here has no effect`);
      lose(stored);
      return onLost();
    }
    until = Math.max(until, now + leaseMs);
    stored = position;
    onStored(batch);
  }

  return {
    isOwner,
    get heldUntil() {
      // Our clock was set back: as `take` sees it, such a lease does not count.
      return heldUntil > system.now() + longestMs ? 0 : heldUntil;
    },
    get stored() {
      return stored;
    },
    own,
    note: (...noted) => void changes.push(...noted),
    flush,
    flushSoon,
    flushIfDue() {
      if (cancelGroup) flush();
    },
    get noted() {
      return changes.length;
    },
    get busy() {
      return flushing !== undefined;
    },
    async release() {
      releasing = true;
      cancelGroup?.();
      // What it could not store is in `changes` again.
      await flushing;
      // What it is about to own, nobody else should wait for.
      await owning?.catch(() => {});
      if (until === 0) return;
      const position = Math.max(stored, cursor.done);
      const batch = changes;
      const mine = owner;
      lose(stored);
      try {
        // Others need not wait for the lease to end.
        await store.settle(name, mine, { position, until: 0, changes: batch });
      } catch (error) {
        system.log.warn({ consumer: name, error }, `${name} could not store its last progress; it is made again`);
      }
    },
  };
}
