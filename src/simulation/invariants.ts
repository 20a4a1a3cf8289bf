import type { EntityRef, EntitySpec } from "../core/entity/types.ts";
import { upcast } from "../core/entity/definition.ts";
import { foldEntry, type Evidence } from "./evidence.ts";
import type { FinalEntity, FinalEvent, FinalWorld, Violation, WorldOptions } from "./options.ts";

/** Asks the user's invariants. */
export function checkInvariants<Outside>(
  evidence: Evidence,
  invariants: NonNullable<WorldOptions<unknown, Outside>["invariants"]>,
  outside: Outside,
): readonly Violation[] {
  const violations: Violation[] = [];
  const world: FinalWorld<Outside> = {
    outside,
    deadLetters: evidence.dead.map(({ consumer, stream, reason }) => ({
      consumer,
      ...(stream && { entity: stream.entity, id: stream.id }),
      reason: reason.message,
    })),
    entities: (entity) => entitiesOf(evidence, entity),
  };
  for (const [name, holds] of Object.entries(invariants)) {
    const checker = `invariant ${name}`;
    try {
      const found = holds(world);
      if (found === false) violations.push({ checker, message: "It does not hold." });
      if (typeof found === "string") violations.push({ checker, message: found });
    } catch (error) {
      violations.push({ checker, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return violations;
}

function entitiesOf<S extends EntitySpec>({ streams }: Evidence, { name }: EntityRef<S>): readonly FinalEntity<S>[] {
  const found: FinalEntity<S>[] = [];
  for (const { stream, definition, entries, erased } of streams.values()) {
    if (stream.entity !== name || !definition || erased) continue;
    let state: unknown = definition.initial();
    const events: unknown[] = [];
    let version = 0;
    for (const stored of entries) {
      state = foldEntry(definition, state, stored);
      for (const { type, v = 1, data } of stored.entry.events ?? []) {
        const event = definition.events.get(type);
        events.push({ type, data: event ? upcast(event, v, data) : data, time: stored.record.time });
      }
      version = stored.version;
    }
    if (version === 0) continue;
    // The entity's declaration has tied states and events to these types.
    found.push({ id: stream.id, state, version, events: events as readonly FinalEvent<S>[] });
  }
  return found;
}
