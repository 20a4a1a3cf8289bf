import type { About } from "../messaging/handler.ts";
import { verdictOf, type Failures } from "../messaging/policy.ts";
import type { System } from "../runtime/system.ts";
import type { Change, Reason } from "./port.ts";
import { readable, reasonOf } from "./reason.ts";
import type { ConsumerSpec, Work } from "./spec.ts";

/** What became of an attempt. */
export type Result =
  | {
      readonly kind: "done";
      readonly failures: undefined;
      readonly due: number | undefined;
      readonly body: string | undefined;
      readonly changes: readonly Change[];
    }
  | { readonly kind: "retry"; readonly failures: Failures; readonly due: number; readonly body: undefined }
  | {
      readonly kind: "dead";
      readonly failures: Failures;
      readonly reason: Reason;
      readonly due: undefined;
      readonly body: undefined;
    };

/** Runs an item of work once, and says what becomes of it; the log and the metrics hear of failures. */
export async function attempt(
  spec: ConsumerSpec,
  system: System,
  work: Omit<Work, "attempt" | "about">,
  before: Failures | undefined,
): Promise<Result> {
  const { name, policy } = spec;
  const about: About = {};
  try {
    const done = await spec.run({ ...work, attempt: (before?.attempts ?? 0) + 1, about });
    const { again, changes = [] } = done ?? {};
    return { kind: "done", failures: undefined, due: again?.due, body: again?.body, changes };
  } catch (thrown) {
    const error = readable(thrown);
    const now = system.now();
    const verdict = verdictOf(error, before, policy, now, system.random);
    const { failures } = verdict;
    if (work.stop.aborted) return { kind: "retry", failures, due: now, body: undefined };
    const reason = reasonOf(error);
    const { stream, sequence, n } = work.reference ?? {};
    const { attempts } = failures;
    const fields = { consumer: name, ...about, stream, sequence, n, attempts, code: reason.code, error };
    if (verdict.kind === "dead") {
      // A replay's own name is one of any number.
      system.telemetry?.deadLetter(spec.deadLetters?.consumer ?? name, reason.code);
      say(system, "error", fields, `${name} gives a message up (${reason.code}); it is among the dead letters`);
      return { kind: "dead", failures, reason, due: undefined, body: undefined };
    }
    say(system, "warn", fields, `${name} failed (${reason.code}); it tries again in ${verdict.delayMs} ms`);
    return { kind: "retry", failures, due: now + verdict.delayMs, body: undefined };
  }
}

/** A logger that cannot write the line does not decide what becomes of a message. */
function say(system: System, level: "warn" | "error", fields: object, message: string): void {
  try {
    system.log[level](fields, message);
  } catch {
    // There is nowhere else to say it.
  }
}
