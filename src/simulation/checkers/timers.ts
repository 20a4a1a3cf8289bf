import type { Entry } from "../../core/journal/format.ts";
import type { Checker } from "./checker.ts";

/** When a timer is due, and the entry that set it. */
interface Pending {
  readonly at: number;
  readonly generation: string;
}

/** A timer fires while it is pending, not before it is due, once; and none that is due is left. */
export const timers: Checker = {
  name: "timers",
  check({ streams, now, skewMs }) {
    const wrong: string[] = [];
    for (const { key, entries, erased } of streams.values()) {
      if (erased) continue;
      const pending = new Map<string, Pending>();
      for (const { entry, record } of entries) {
        const fired = /^([0-9a-v]{20})-t(.+)$/.exec(entry.causation ?? "");
        const name = fired?.[2];
        const timer = name === undefined ? undefined : pending.get(name);
        if (fired && timer?.generation !== fired[1]) {
          wrong.push(`${key}: timer "${name}" fired at record ${record.sequence} though it was not pending`);
        } else if (timer && record.time + 2 * skewMs < timer.at) {
          wrong.push(`${key}: timer "${name}" fired ${timer.at - record.time} ms early at record ${record.sequence}`);
        }
        change(pending, entry);
      }
      for (const [name, { at }] of pending) {
        if (at + 2 * skewMs + 60_000 < now)
          wrong.push(`${key}: timer "${name}" is ${now - at} ms late and has not fired`);
      }
    }
    return wrong;
  },
};

/** Once more, not the code that is checked. */
function change(pending: Map<string, Pending>, { id, timers = [] }: Entry): void {
  for (const { name, at } of timers) {
    if (at === undefined) pending.delete(name);
    else pending.set(name, { at, generation: id });
  }
}
