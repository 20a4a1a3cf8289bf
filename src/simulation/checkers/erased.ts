import { eraseCommand } from "../../core/journal/format.ts";
import type { Checker } from "./checker.ts";

/** Whoever was told that an entity is erased finds nothing of it; nobody else's is, and nothing comes behind it. */
export const erased: Checker = {
  name: "erased",
  check({ streams, history }) {
    const wrong: string[] = [];
    const asked = new Set<string>();
    const told = new Set<string>();
    for (const { kind, answer, stream } of history.operations) {
      if (kind !== "erase") continue;
      asked.add(stream);
      if (answer?.kind === "erased") told.add(stream);
    }
    for (const key of told) if (!streams.get(key)?.erased) wrong.push(`${key}: it was erased, and has no tombstone`);
    for (const { key, erased, entries, records, body } of streams.values()) {
      if (!erased) continue;
      if (!asked.has(key)) wrong.push(`${key}: it has a tombstone, and nobody has erased it`);
      const last = entries.at(-1);
      if (last?.entry.command !== eraseCommand || last.record !== records.at(-1)) {
        wrong.push(`${key}: it was erased, and record ${last?.record.sequence} came behind the tombstone`);
      }
      // Who was told nothing has to erase it again.
      if (!told.has(key)) continue;
      const left = records.slice(0, -1).find((record) => record.entries !== "[]");
      if (left) wrong.push(`${key}: it was erased, and record ${left.sequence} holds ${left.entries.slice(0, 60)}`);
      if (!body?.erased || body.state !== null) wrong.push(`${key}: it was erased, and its snapshot holds a state`);
    }
    return wrong;
  },
};
