import type { TimerDefinition } from "../messaging/definition.ts";
import { runHandler } from "../messaging/handler.ts";
import { isoTime } from "../runtime/system.ts";
import type { ConsumerSpec } from "./spec.ts";
import type { DeliveryPorts } from "./ports.ts";

/** What a row holds. */
interface Plan {
  readonly tick: number;
  /** The schedule that made it. */
  readonly cron: string;
  readonly zone: string;
  /** The tick is being handled. */
  readonly begun?: true;
}

/** A tick that is later than this was missed, milliseconds. */
const lateMs = 60_000;

/** A tick as a message, or a row, holds it. */
export function tickBody({ cron, zone }: TimerDefinition, tick: number, begun?: true): string {
  return JSON.stringify({ tick, cron, zone, begun });
}

/** The tick that a message holds. */
export function tickOf(body: string): number {
  return (JSON.parse(body) as Plan).tick;
}

/**
 * The tick that a schedule of the minute `at` has fired for (it may fire more often than there are ticks), unless a later
 * one is due already, or it was missed and is not to be made up for.
 */
export function tickAt({ schedule, missed }: TimerDefinition, at: number, now: number): number | undefined {
  const tick = schedule.latest(at - 60_000, at);
  if (tick === undefined || schedule.latest(tick, now) !== undefined) return undefined;
  return missed === "skip" && now - tick > lateMs ? undefined : tick;
}

/**
 * The consumer of a cron timer: one row that is due at the next tick and moves on when that was handled. Its body names
 * the tick and the schedule that made it, so that a changed schedule is noticed.
 */
export function cronConsumer({ runtime, services }: DeliveryPorts, definition: TimerDefinition): ConsumerSpec {
  const { schedule, policy, tenant, missed, cron, zone } = definition;
  const { system } = runtime;
  const name = `timer:${definition.name}`;

  function after(time: number): { due: number; body: string } {
    const tick = schedule.next(time);
    return { due: tick, body: tickBody(definition, tick) };
  }

  /** The tick to handle now: of those that fell due meanwhile the latest, or none. */
  function dueTick(tick: number, now: number): number | undefined {
    const latest = schedule.latest(tick, now) ?? tick;
    return missed === "skip" && now - latest > lateMs ? undefined : latest;
  }

  return {
    name,
    start: "now",
    policy,
    begin: (now) => [{ kind: "plan", name: "tick", ...after(now), now }],
    bury: (message, now) => (message.name === undefined ? undefined : after(now)),
    since: ({ body }) => (JSON.parse(body ?? "{}") as { readonly tick?: number }).tick,
    async run({ message, attempt, stop, about }) {
      if (!message) return undefined;
      const planned = JSON.parse(message.body ?? "{}") as Plan;
      const now = system.now();
      // A redriven tick has no name: it is run once, as it is.
      const isPlan = message.name !== undefined;
      if (isPlan && !planned.begun) {
        if (planned.cron !== cron || planned.zone !== zone) return { again: after(now) };
        if (planned.tick > now) return { again: { due: planned.tick } };
        const latest = dueTick(planned.tick, now);
        if (latest === undefined) return { again: after(now) };
        // Noted first: every attempt is at the same tick, and one that dies with its process is not passed over.
        return { again: { due: latest, body: tickBody(definition, latest, true) } };
      }
      const { tick } = planned;
      const id = `${definition.name}@${isoTime(tick)}`;
      const cause = { id, born: tick, tenant, context: { correlation: id, causation: id } };
      await runHandler(
        runtime,
        services,
        { handler: name, cause, attempt, timeoutMs: policy.timeoutMs, stop, about },
        (context) => definition.handle(Object.assign(context, { tick })),
      );
      return isPlan ? { again: after(Math.max(now, tick)) } : undefined;
    },
  };
}
