/** How many retries a client may still make: with a server down, retries must not multiply the load. */
export interface RetryBudget {
  /** Takes one retry out of the budget; false if there is none left. */
  take(): boolean;
  /** A call was answered: a tenth of a retry comes back. */
  earn(): void;
}

/** Counted in tenths, which are whole numbers. */
const tenths = 10;

/** A token bucket, full at first. Over its life it allows at most `retriesMax` retries, plus one per ten answered calls. */
export function createBudget(retriesMax: number): RetryBudget {
  const full = retriesMax * tenths;
  let left = full;
  return {
    take() {
      if (left < tenths) return false;
      left -= tenths;
      return true;
    },
    earn() {
      left = Math.min(full, left + 1);
    },
  };
}
