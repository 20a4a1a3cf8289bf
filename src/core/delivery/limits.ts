// The bounds of one consumer in one process.

/** Records looked at at once. */
export const batchMax = 256;
/** Items in memory per consumer, and the bytes of their records; beyond them the cursor waits. */
export const itemsMax = 2_048;
export const itemBytesMax: number = 16 * 1024 * 1024;
/** Messages in memory per consumer (each of up to 255 KiB), or `concurrency` if that is more; the rest waits in rows. */
export const messagesMax = 128;
/** Messages read at once, besides those in memory. */
export const messageBatchMax = 64;
/** Changes that wait to be stored; beyond them the cursor waits. */
export const changesMax = 2_048;
/** Streams of one consumer that wait for a retry; beyond them the cursor waits: everything fails, it seems. */
export const parkedMax = 10_000;
/** Records without work after which the cursor is stored all the same. */
export const idleRecordsMax = 10_000;
/** Longest wait for a retry after a takeover, milliseconds: no row, only a clock that was set back, says more. */
export const retryMaxMs = 300_000;
/** Longest sleep, milliseconds: that soon a clock that was set is noticed. */
export const sleepMaxMs = 60_000;
