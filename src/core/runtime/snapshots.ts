import { forget, pageOf, pageStored } from "../journal/key-window.ts";
import type { SnapshotBody } from "../journal/format.ts";
import type { Journal } from "../journal/port.ts";
import type { Limits } from "./limits.ts";
import { describe, type Live } from "./live.ts";
import type { System } from "./system.ts";

/**
 * Writes the entity's snapshot: its state, where its keys are, its timers. A snapshot is a cache, so a failure is
 * logged, answered with false and tried again later; only after success do the tail's keys leave memory.
 */
export async function saveSnapshot(journal: Journal, system: System, limits: Limits, live: Live): Promise<boolean> {
  const { definition, stream, keys, sequence } = live;
  live.snapshotDue = sequence + definition.snapshotEvery;
  if (forget(keys, system.now(), limits.keys)) {
    system.log.warn(
      { stream, keysMax: limits.keys.keysMax },
      `${describe(stream)} uses more idempotency keys than are remembered: the bound, not time, moves the horizon`,
    );
  }
  const { ranges, page } = pageOf(keys, live.snapshotAt + 1, sequence, limits.keys);
  const { forgotten } = keys;
  const body: SnapshotBody = {
    record: live.recordId,
    version: live.version,
    time: live.time,
    state: live.state,
    keys: ranges,
    ...(live.timers.size > 0 && { timers: Object.fromEntries(live.timers) }),
    events: live.eventTypes,
  };
  try {
    await journal.saveSnapshot(
      stream,
      {
        sequence,
        revision: definition.revision,
        horizon: keys.horizon,
        body: JSON.stringify(body),
      },
      { ...(page && { page }), forgotten },
    );
  } catch (error) {
    live.snapshotDue = sequence + Math.max(1, Math.floor(definition.snapshotEvery / 10));
    system.log.warn({ stream, sequence, error }, "a snapshot could not be stored; it is tried again later");
    return false;
  }
  live.snapshotAt = sequence;
  keys.forgotten = keys.forgotten.slice(forgotten.length);
  pageStored(keys, sequence, ranges);
  return true;
}
