import { HoldfastError } from "../errors.ts";
import {
  decodeEntries,
  decodeSnapshot,
  encodeEntries,
  encodeEntry,
  eraseCommand,
  type SnapshotBody,
} from "../journal/format.ts";
import type { Journal, StreamId } from "../journal/port.ts";
import { appendSettled } from "./commit.ts";
import type { Limits } from "./limits.ts";
import { describe } from "./live.ts";
import type { System } from "./system.ts";

interface Ports {
  readonly journal: Journal;
  readonly system: System;
  readonly limits: Limits;
}

/**
 * Ends a stream: appends a tombstone, puts an empty snapshot that nothing can replace in the place of the state, blanks
 * all payloads. Folds nothing, so that it works where the app's code does not. Can be repeated after a crash anywhere.
 * @throws HoldfastError `overloaded` (others kept writing), `outcome-unknown`
 */
export async function eraseStream(ports: Ports, stream: StreamId, principal: string): Promise<void> {
  const { journal, system, limits } = ports;
  for (let attempt = 0; attempt <= limits.conflictsMax; attempt++) {
    const { snapshot, records } = await journal.load(stream);
    const body = snapshot && decodeSnapshot(snapshot);
    const last = records.at(-1);
    const head = {
      sequence: last?.sequence ?? snapshot?.sequence ?? 0,
      id: last?.id ?? body?.record ?? "",
      time: last?.time ?? body?.time ?? 0,
      version: last?.version ?? body?.version ?? 0,
    };
    const erased = body?.erased || (last && decodeEntries(last).some(({ command }) => command === eraseCommand));
    let end = head;
    if (!erased) {
      const id = system.newId();
      end = { ...head, sequence: head.sequence + 1, id, time: Math.max(system.now(), head.time) };
      const entries = encodeEntries([encodeEntry({ id, command: eraseCommand, principal })]);
      const result = await appendSettled(ports, { stream, record: { ...end, previous: head.id, entries } });
      if (result === "unknown") {
        throw new HoldfastError(
          "outcome-unknown",
          `It is not known whether ${describe(stream)} is closed. Erase it again.`,
          {
            retry: "later",
          },
        );
      }
      if (result === "taken") continue;
    }
    const empty: SnapshotBody = {
      record: end.id,
      version: end.version,
      time: end.time,
      state: null,
      keys: { foreign: [], derived: [] },
      events: {},
      erased: true,
    };
    const horizon = snapshot?.horizon ?? { foreign: 0, derived: 0 };
    const revision = Number.MAX_SAFE_INTEGER;
    await journal.saveSnapshot(stream, { sequence: end.sequence, revision, horizon, body: JSON.stringify(empty) });
    return journal.erase(stream, end.sequence);
  }
  throw new HoldfastError("overloaded", `${describe(stream)} is written by others all the time; erase it again.`, {
    retry: "later",
    retryAfterMs: 1_000,
  });
}
