import { isoTime } from "../../core/runtime/system.ts";
import type { Checker } from "./checker.ts";

/** What a handler does by commands happens as often as it does it in one run, however often it runs. */
export const effects: Checker = {
  name: "effects",
  check(evidence) {
    const { streams, history } = evidence;
    const allowed = new Map<string, Map<string, number>>();
    for (const { handler, cause, calls } of history.handled) {
      const name = handler.slice(handler.indexOf(":") + 1);
      const causation = handler.startsWith("timer:") ? `${name}@${isoTime(Number(cause))}` : cause;
      for (const [call, count] of calls) {
        const key = `${causation} ${call}`;
        const byHandler = allowed.get(key) ?? new Map<string, number>();
        byHandler.set(handler, Math.max(byHandler.get(handler) ?? 0, count));
        allowed.set(key, byHandler);
      }
    }
    const happened = new Map<string, number>();
    for (const { key, entries } of streams.values()) {
      for (const { entry } of entries) {
        if (entry.causation === undefined) continue;
        const name = `${entry.causation} ${key} ${entry.command}`;
        if (allowed.has(name)) happened.set(name, (happened.get(name) ?? 0) + 1);
      }
    }
    const wrong: string[] = [];
    for (const [name, count] of happened) {
      let most = 0;
      for (const calls of allowed.get(name)?.values() ?? []) most += calls;
      if (count > most) wrong.push(`${name} has happened ${count} times, its handlers call it ${most} times`);
    }
    return wrong;
  },
};
