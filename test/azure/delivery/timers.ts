import { Cron } from "croner";
import type { App } from "../../../src/core/app.ts";
import { firedTick } from "../../../src/azure/functions/tick.ts";
import { utcSchedule } from "../../../src/azure/functions/utc-schedule.ts";
import { firedBody } from "../../../src/core/broker/wire.ts";
import type { Bus } from "../../../src/core/broker/bus.ts";
import type { System } from "../../../src/core/runtime/system.ts";

/** What the platform remembers of a timer's function. */
interface Timer {
  readonly schedule: string;
  /** When it has run last, epoch milliseconds; undefined: never. */
  last: number | undefined;
  /** When it is to run next. */
  due: number;
}

/** The platform's timers, of which one instance at a time runs each. */
export interface Timers {
  /** From now on the app's timers fire. One that has not fired when it was to does so at once, and is told that it is late. */
  deploy(app: App, now: number): void;
  /** Runs the functions that are due. Undefined: none is. */
  fire(app: App, ports: { readonly bus: Bus; readonly system: System }): Promise<void> | undefined;
  /** When the next one is to run, epoch milliseconds. */
  nextAt(): number;
}

/** How late a timer is that was missed, milliseconds. */
const pastDueMs = 1_000;

/** Source: Azure/azure-webjobs-sdk-extensions, ScheduleMonitor: what is kept is when a timer ran last and is to run next. */
export function createTimers(): Timers {
  const known = new Map<string, Timer>();

  return {
    deploy({ timers }, now) {
      for (const name of known.keys()) if (!timers.has(name)) known.delete(name);
      for (const [name, { cron, zone }] of timers) {
        const schedule = utcSchedule(cron, zone, now);
        const before = known.get(name);
        if (before?.schedule === schedule) continue;
        const last = before?.last;
        known.set(name, { schedule, last, due: nextOf(schedule, last ?? now) });
      }
    },
    fire({ timers }, { bus, system }) {
      const now = system.now();
      const due = [...timers.values()].filter(({ name }) => (known.get(name)?.due ?? Infinity) <= now);
      if (due.length === 0) return undefined;
      const runs = due.map(async (definition) => {
        // It is one of those that are due.
        const timer = known.get(definition.name) as Timer;
        const { last = 0 } = timer;
        const fired = {
          isPastDue: now - timer.due > pastDueMs,
          scheduleStatus: { last: last === 0 ? "0001-01-01T00:00:00" : new Date(last).toISOString() },
        };
        timer.last = now;
        timer.due = nextOf(timer.schedule, now);
        // As src/azure/functions/register.ts does.
        const tick = firedTick(definition, fired, now);
        if (tick === undefined) return;
        const body = firedBody(definition.name, tick);
        const [error] = await bus.send("timers", [{ id: system.newId(), body }]);
        if (error) throw error;
      });
      return Promise.all(runs).then(() => {});
    },
    nextAt: () => Math.min(Infinity, ...[...known.values()].map(({ due }) => due)),
  };
}

function nextOf(schedule: string, after: number): number {
  // Both days of an expression have to be right, not one of them.
  const cron = new Cron(schedule, { mode: "6-part", timezone: "UTC", domAndDow: true });
  return cron.nextRun(new Date(after))?.getTime() ?? Infinity;
}
