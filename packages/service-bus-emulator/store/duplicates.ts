import type { Clock } from "../clock.ts";

/** Message ids that were seen within a window of time. */
export interface Duplicates {
  /** Whether this id was seen less than a window ago; if not, it is from now on. */
  seen(messageId: string): boolean;
}

/** Without a window nothing is a duplicate. A duplicate does not begin the window anew. */
export function createDuplicates(clock: Clock, windowMs: number | undefined): Duplicates {
  const seenAt = new Map<string, number>();
  if (windowMs === undefined) return { seen: () => false };
  return {
    seen(messageId) {
      const now = clock.now();
      // In the order of their times: a Map keeps that of insertion.
      for (const [id, at] of seenAt) {
        if (at + windowMs > now) break;
        seenAt.delete(id);
      }
      if (seenAt.has(messageId)) return true;
      seenAt.set(messageId, now);
      return false;
    },
  };
}
