import type { Bus, Parcel } from "../../core/broker/bus.ts";
import type { HoldfastError } from "../../core/errors.ts";
import { streamKey } from "../../core/runtime/live.ts";

/** Waits so many milliseconds. */
export type Pause = (ms: number) => Promise<void>;

/** Attempts that get nothing further before it is given up. */
export const attemptsMax = 4;

/** 1, 2, 4 and 8 seconds: the SDK has tried three times before each. */
export function pauseMs(attempt: number): number {
  return 1_000 * 2 ** (attempt - 1);
}

/**
 * Sends messages, and those again that the broker does not have for sure but may take later; of a stream everything
 * behind such a one, too. Answers per message why it may not be there.
 */
export async function sendAll(
  bus: Pick<Bus, "send">,
  consumer: string,
  parcels: readonly Parcel[],
  pause: Pause,
): Promise<readonly (HoldfastError | undefined)[]> {
  const errors = new Map<Parcel, HoldfastError>();
  let left = parcels;
  for (let attempt = 1; left.length > 0; ) {
    const results = await bus.send(consumer, left);
    const open = new Set<string>();
    const again = left.filter((parcel, i) => {
      const error = results[i];
      const key = parcel.stream && streamKey(parcel.stream);
      if (error) errors.set(parcel, error);
      else errors.delete(parcel);
      if (error && key !== undefined) open.add(key);
      return error ? error.retry === "later" : key !== undefined && open.has(key);
    });
    if (again.length < left.length) attempt = 1;
    else if (++attempt > attemptsMax) break;
    left = again;
    if (left.length > 0) await pause(pauseMs(attempt));
  }
  return parcels.map((parcel) => errors.get(parcel));
}
