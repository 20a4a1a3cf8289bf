import type { TimerDefinition } from "../../core/messaging/definition.ts";
import { epochOf } from "../../core/runtime/system.ts";

/** What the host says of a timer that fires: what is read of it. */
export interface FiredTimer {
  /** Nobody was there when it was to fire. */
  readonly isPastDue?: boolean;
  readonly scheduleStatus?: { readonly last?: string };
}

/** How much earlier than its time the platform's clock may let a timer fire, milliseconds. */
const earlyMs = 2_000;

/** How late a timer fires without the host's saying so, milliseconds. */
const lateMs = 300_000;

/** How far back it is looked where nobody knows when it fired last, milliseconds. */
const forgottenMs = 86_400_000;

/**
 * The tick that a timer has fired for; undefined: none, since it fires more often than there are ticks. One tick may be
 * found by two that fire; the second changes nothing.
 */
export function firedTick(
  { schedule }: Pick<TimerDefinition, "schedule">,
  { isPastDue, scheduleStatus }: FiredTimer,
  now: number,
): number | undefined {
  const last = epochOf(scheduleStatus?.last ?? "");
  // The host may have noted this one as the last already.
  const missedSince = last > 0 && last < now ? last - lateMs : now - forgottenMs;
  return schedule.latest(isPastDue === true ? missedSince : now - lateMs, now + earlyMs);
}
