import { deadLetterId } from "../core/broker/failures.ts";
import type { FailureStore } from "../core/broker/failures.ts";
import type { DeadLetter } from "../core/delivery/port.ts";
import type { Failures } from "../core/messaging/policy.ts";
import { streamKey } from "../core/runtime/live.ts";

/** What a broker cannot remember, in this process's memory. */
export function createMemoryFailures(): FailureStore {
  const rows = new Map<string, Failures>();
  const letters = new Map<number, DeadLetter>();
  return {
    async failures(consumer, message) {
      return rows.get(`${consumer} ${message}`);
    },
    async saveFailures(consumer, message, failures) {
      rows.set(`${consumer} ${message}`, failures);
    },
    async bury(letter) {
      const id = deadLetterId(letter);
      if (letter.created > (letters.get(id)?.created ?? -Infinity)) letters.set(id, { ...letter, id });
    },
    async blank(stream) {
      for (const [id, letter] of letters) {
        if (!letter.stream || streamKey(letter.stream) !== streamKey(stream)) continue;
        letters.set(id, { ...letter, reason: { code: "erased", message: "" } });
      }
    },
    async dead({ consumer, after = 0, limit }) {
      return [...letters.values()]
        .filter((letter) => letter.id > after && (consumer === undefined || letter.consumer === consumer))
        .toSorted((a, b) => a.id - b.id)
        .slice(0, limit);
    },
    async drop(ids, until = Infinity) {
      const dead = [...new Set(ids)].filter((id) => (letters.get(id)?.created ?? Infinity) <= until);
      return dead.filter((id) => letters.delete(id)).length;
    },
  };
}
