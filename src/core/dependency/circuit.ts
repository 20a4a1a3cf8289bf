import { HoldfastError } from "../errors.ts";
import type { System } from "../runtime/system.ts";
import type { DependencyPolicy } from "./declare.ts";

/** What became of one attempt; one of the three is called, once. */
export interface Passage {
  succeeded(): void;
  /** True if nobody asks any more for now. */
  failed(error: unknown): boolean;
  /** The caller has gone before there was an answer: that says nothing. */
  left(): void;
}

/** Whether something outside is asked at all. After so many failures in a row nobody asks; then one call does, and decides. */
export interface Circuit {
  /** Undefined while nobody asks. */
  enter(): Passage | undefined;
  /** `circuit-open` (later), with the time until somebody asks. */
  refusal(cause?: unknown): HoldfastError;
}

export function createCircuit(
  name: string,
  { failuresMax, openMs }: DependencyPolicy,
  { now, log }: Pick<System, "now" | "log">,
): Circuit {
  let failures = 0;
  /** Until when nobody asks, epoch milliseconds; undefined: it is closed. */
  let openUntil: number | undefined;
  let isProbed = false;

  function open(error: unknown): true {
    openUntil = now() + openMs;
    log.warn({ dependency: name, openMs, error }, "the circuit of a dependency is open");
    return true;
  }

  function refusal(cause?: unknown): HoldfastError {
    // Whoever finds it probed waits for the answer; a probe may take as long as any call.
    const waitMs = Math.max(openUntil === undefined ? 0 : openUntil - now(), Math.min(openMs, 1_000));
    const message = `The dependency ${name} has failed ${failures} times; it is asked again in ${waitMs} ms.`;
    return new HoldfastError("circuit-open", message, { retry: "later", retryAfterMs: waitMs, cause });
  }

  return {
    refusal,
    enter() {
      const isProbe = openUntil !== undefined;
      if (openUntil !== undefined) {
        if (isProbed || now() < openUntil) return undefined;
        isProbed = true;
      }
      return {
        succeeded() {
          if (!isProbe) {
            // What began before it was opened does not close it.
            if (openUntil === undefined) failures = 0;
            return;
          }
          isProbed = false;
          openUntil = undefined;
          failures = 0;
          log.info({ dependency: name }, "the circuit of a dependency is closed");
        },
        failed(error) {
          failures++;
          if (isProbe) isProbed = false;
          else if (openUntil !== undefined) return true;
          else if (failures < failuresMax) return false;
          return open(error);
        },
        left() {
          if (isProbe) isProbed = false;
        },
      };
    },
  };
}
