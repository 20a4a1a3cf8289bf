import type { App } from "../../core/app.ts";
import { isoTime } from "../../core/runtime/system.ts";
import type { MemoryBroker } from "../../memory/broker.ts";
import type { Surroundings } from "../target.ts";
import type { Hosts } from "./hosts.ts";

/** Ticks in a row that no instance hears of. */
const unheardMax = 20;

/** How late a schedule may fire, milliseconds. */
export const scheduleLateMs = 50_000;

/** The platform's schedules of an app's cron timers: they fire whether or not any instance runs. */
export function createSchedules(
  { scheduler, fates }: Surroundings,
  broker: MemoryBroker,
  hosts: Hosts,
): (app: Pick<App, "timers">) => void {
  const site = fates.site("broker.schedules");
  const cancels = new Map<string, () => void>();
  let known: Pick<App, "timers">["timers"] = new Map();
  /** Since when they do not fire, though they should. */
  const held = new Map<string, number>();
  /** How often they have fired since an instance ran. */
  let unheard = 0;
  let fired = 0;

  function fire(timer: string, at: number): void {
    send(timer, at);
    unheard = hosts.count() === 0 ? unheard + 1 : 0;
    // Each minute of a day on which nothing runs would take long, and all but the last one are for nothing.
    if (unheard > unheardMax) held.set(timer, at);
    else plan(timer, at);
  }

  function send(timer: string, at: number): void {
    const body = JSON.stringify({ timer, at: isoTime(at) });
    // At least once.
    for (let times = site.pick(["duplicate"]) ? 2 : 1; times > 0; times--) {
      void broker.send("timers", [{ id: `schedule${++fired}`, body }]);
    }
  }

  function plan(timer: string, after: number): void {
    const at = known.get(timer)?.schedule.next(after);
    if (at === undefined || at === Infinity) return;
    const lateMs = scheduleLateMs * site.random() ** 6;
    cancels.set(
      timer,
      scheduler.after(at + lateMs - scheduler.now(), () => fire(timer, at)),
    );
  }

  hosts.watch(() => {
    const now = scheduler.now();
    for (const [timer, at] of held) {
      const missed = known.get(timer)?.schedule.latest(at, now);
      if (missed !== undefined) send(timer, missed);
      plan(timer, now);
    }
    held.clear();
  });
  return ({ timers }) => {
    const before = known;
    known = timers;
    for (const name of new Set([...before.keys(), ...timers.keys()])) {
      const [was, is] = [before.get(name), timers.get(name)];
      if (was && is && was.cron === is.cron && was.zone === is.zone) continue;
      cancels.get(name)?.();
      held.delete(name);
      plan(name, scheduler.now());
    }
  };
}
