import { isHoldfastError } from "../core/errors.ts";

/** The calls that a run of a handler has made, as the delivery judges them. */
export interface Made {
  /** Looks at a call without counting as the handler, whose own look decides whether its failure is lost. */
  add<T>(call: Promise<T>): Promise<T>;
  /**
   * Resolves when all have been answered.
   * @throws what the delivery takes for the run's failure though the handler has returned
   */
  settled(): Promise<void>;
  /** Whether the outcome of one is not known: then the run's failure says nothing of the handler. */
  isOpen(): boolean;
}

export function createMade(): Made {
  const open = new Set<Promise<unknown>>();
  const failed: { readonly call: Promise<unknown>; readonly error: unknown }[] = [];
  return {
    add(call) {
      const ended = Promise.prototype.then.call(
        call,
        () => void open.delete(ended),
        (error: unknown) => {
          open.delete(ended);
          failed.push({ call, error });
        },
      );
      open.add(ended);
      return call;
    },
    async settled() {
      while (open.size > 0) await Promise.all(open);
      const lost = failed.find(({ call, error }) => retryOf(error) === "later" || !isLookedAt(call));
      if (lost) throw lost.error;
    },
    isOpen: () => failed.some(({ error }) => retryOf(error) === "later"),
  };
}

/** What the delivery makes of a failure; `internal` may be mended until the next attempt. */
export function retryOf(error: unknown): "never" | "reload" | "later" {
  return isHoldfastError(error) && error.code !== "internal" ? error.retry : "reload";
}

/** The promises of a handler's calls know it. */
function isLookedAt(call: Promise<unknown>): boolean {
  return (call as { readonly observed?: boolean }).observed ?? true;
}
