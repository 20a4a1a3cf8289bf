import type { EntityRef, EntitySpec } from "../core/entity/types.ts";
import { upcast } from "../core/entity/definition.ts";
import { foldEntry, type Evidence } from "./evidence.ts";
import type { FinalEntity, FinalEvent, FinalWorld, Violation, WorldOptions } from "./options.ts";

/** Asks the user's invariants, one after the other; what they return is waited for. */
export async function checkInvariants<Outside>(
  evidence: Evidence,
  invariants: NonNullable<WorldOptions<unknown, Outside>["invariants"]>,
  outside: Outside,
): Promise<readonly Violation[]> {
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
      const found = await holds(world);
      if (found !== undefined && found !== true) violations.push({ checker, message: describe(found) });
    } catch (error) {
      violations.push({ checker, message: describe(error) });
    }
  }
  return violations;
}

/** What an invariant has found, or thrown. */
function describe(found: unknown): string {
  if (found === false) return "It does not hold.";
  if (found instanceof Error && found.message !== "") return found.message;
  if (typeof found === "string" && found !== "") return found;
  // Only true and nothing at all say that it holds: whoever returns a list of what is wrong, say, means it.
  return `It answers ${toJson(found)} instead of true.`;
}

function toJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
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
      for (const event of stored.entry.events ?? []) {
        const { type } = event;
        const known = definition.events.get(type);
        events.push({ type, data: known ? upcast(known, event) : event.data, time: stored.record.time });
      }
      version = stored.version;
    }
    if (version === 0) continue;
    // The entity's declaration has tied states and events to these types.
    found.push({ id: stream.id, state, version, events: events as readonly FinalEvent<S>[] });
  }
  return found;
}
