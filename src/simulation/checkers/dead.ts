import type { DeadLetter } from "../../core/delivery/port.ts";
import { deliveryPolicy, type DeliveryPolicy } from "../../core/messaging/policy.ts";
import { streamKey } from "../../core/runtime/live.ts";
import type { Evidence } from "../evidence.ts";
import type { Handled } from "../history.ts";
import type { Checker } from "./checker.ts";
import { runsOf } from "./runs.ts";
import { partsOf } from "./wanted.ts";

/** What a handler throws that is wrong itself. */
const mistakes: ReadonlySet<string> = new Set([
  "TypeError",
  "ReferenceError",
  "RangeError",
  "SyntaxError",
  "handler-not-deterministic",
]);

/** What passes: it does not count as an attempt. */
const outages: ReadonlySet<string> = new Set([
  "overloaded",
  "outcome-unknown",
  "unknown-event",
  "deadline-exceeded",
  "handler-stopped",
]);

/** What is dead was tried as often as it should be, and failed; not of a mistake in the handler, nor of an outage. */
export const dead: Checker = {
  name: "dead",
  check(evidence) {
    const runs = runsOf(evidence);
    const livedMs = evidence.now - (evidence.history.operations[0]?.time ?? 0) + 2 * evidence.skewMs;
    const wrong: string[] = [];
    for (const letter of evidence.dead) {
      const { consumer, reason } = letter;
      const policies = policiesOf(evidence, consumer);
      if (mistakes.has(reason.code)) {
        wrong.push(`${consumer}: a message is dead of a mistake: ${reason.code}, ${reason.message}`);
      }
      // What is too old is given up whatever it fails of.
      if (policies.some(({ maxAgeMs }) => maxAgeMs <= livedMs)) continue;
      if (outages.has(reason.code)) {
        wrong.push(`${consumer}: a message is dead of an outage: ${reason.code}, ${reason.message}`);
      }
      const found = causeOf(evidence, letter);
      if (found === undefined) continue;
      const all = runs.get(found.run) ?? [];
      const said = `${consumer}: ${found.what} is dead (${reason.code})`;
      // One that ran out of time may still be running.
      if (!all.some(({ result }) => result !== "done")) wrong.push(`${said} and never failed`);
      const least = Math.min(...policies.map(({ maxAttempts }) => maxAttempts));
      if (all.length < least && !all.some(isFinal)) wrong.push(`${said} after ${all.length} of ${least} attempts`);
    }
    return wrong;
  },
};

function isFinal({ retry }: Handled): boolean {
  return retry === "never";
}

function policiesOf({ apps }: Evidence, consumer: string): readonly DeliveryPolicy[] {
  const policies = apps.flatMap(({ subscriptions, workers, timers }) => [
    ...[...subscriptions.values()].filter(({ name }) => consumer === `subscription:${name}`),
    ...[...workers.values()].filter(({ queue }) => consumer === `queue:${queue}`),
    ...[...timers.values()].filter(({ name }) => consumer === `timer:${name}`),
  ]);
  return policies.length > 0 ? policies.map(({ policy }) => policy) : [deliveryPolicy(consumer, {})];
}

/** The runs of a dead event; what else is dead may never have come to a handler. */
function causeOf(
  { streams }: Evidence,
  { consumer, stream, sequence, n }: DeadLetter,
): { readonly run: string; readonly what: string } | undefined {
  if (!consumer.startsWith("subscription:") || !stream) return undefined;
  const found = streams.get(streamKey(stream));
  if (!found || found.erased) return undefined;
  const part = partsOf(found).find((part) => part.sequence === sequence && part.n === n);
  return { run: `${consumer} ${part?.id}`, what: `event ${n} of record ${sequence} of ${found.key}` };
}
