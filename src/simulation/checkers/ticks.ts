import type { TimerDefinition } from "../../core/messaging/definition.ts";
import type { Evidence } from "../evidence.ts";
import type { Handled } from "../history.ts";
import type { Checker } from "./checker.ts";

/** How late a tick may be in the end, milliseconds. */
const lateMs = 120_000;

/** A cron timer runs at its ticks, not before them, and none that must be made up for is left in the end. */
export const ticks: Checker = {
  name: "ticks",
  check(evidence) {
    const { app, apps, history, now, skewMs } = evidence;
    const wrong: string[] = [];
    const runs = new Map<string, Handled[]>();
    for (const run of history.handled) {
      if (!run.handler.startsWith("timer:")) continue;
      const found = runs.get(run.handler);
      if (found) found.push(run);
      else runs.set(run.handler, [run]);
    }
    for (const [handler, all] of runs) {
      const known = apps.flatMap(({ timers }) => timers.get(handler.slice("timer:".length)) ?? []);
      for (const cause of new Set(all.map(({ cause }) => cause))) {
        const tick = Number(cause);
        const first = all.find((run) => run.cause === cause);
        if (!known.some((timer) => isTick(timer, tick)))
          wrong.push(`${handler}: it ran for ${cause}, which is no tick`);
        // Who has begun it may have died, and its heir's clock be behind.
        if (first && tick > first.time + 2 * skewMs)
          wrong.push(`${handler}: it ran ${tick - first.time} ms before its tick`);
      }
    }
    const began = Math.min(...history.operations.map(({ time }) => time)) + skewMs;
    for (const timer of app.timers.values()) {
      // Of one that newer code has changed nobody knows since when it counts; one that skips may have missed them all.
      if (timer.missed === "skip" || !isOld(evidence, timer)) continue;
      const newest = runs.get(`timer:${timer.name}`)?.at(-1);
      // A tick that still fails, or runs, holds those behind it back.
      if (newest && newest.result !== "done" && !newest.givenUp) continue;
      // It goes on with the next tick after its end.
      const since = newest ? newest.time + timer.policy.timeoutMs + 2 * skewMs : began;
      const last = timer.schedule.latest(since, now - lateMs);
      if (last !== undefined) wrong.push(`timer:${timer.name}: nobody has run it at its tick ${last}, nor since`);
    }
    return wrong;
  },
};

function isTick({ schedule }: TimerDefinition, tick: number): boolean {
  return schedule.latest(tick - 1, tick) === tick;
}

function isOld({ apps }: Evidence, { name, cron, zone }: TimerDefinition): boolean {
  return apps.every(({ timers }) => timers.get(name)?.cron === cron && timers.get(name)?.zone === zone);
}
