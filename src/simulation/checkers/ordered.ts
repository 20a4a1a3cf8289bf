import type { Evidence } from "../evidence.ts";
import type { Checker } from "./checker.ts";
import { isDemanded, isDemanding } from "./delivered.ts";
import { partsOf } from "./wanted.ts";

/** A subscription sees an entity's events in their order: none begins before those in front of it are done, or dead. */
export const ordered: Checker = {
  name: "ordered",
  check(evidence) {
    const wrong: string[] = [];
    const isAsked = askedOf(evidence);
    const lanes = new Map<string, Map<number, Lane>>();
    for (const { handler, cause, stream, version, began, ended, result, givenUp } of evidence.history.handled) {
      if (stream === undefined || version === undefined || !isAsked(handler, stream, cause)) continue;
      const name = `${handler} ${stream}`;
      const lane = lanes.get(name) ?? new Map<number, Lane>();
      lanes.set(name, lane);
      const seen = lane.get(version) ?? { began: Infinity, over: Infinity };
      // Given up in memory is as good as done, though an heir who does not know of it may try again.
      const isOver = result === "done" || givenUp;
      lane.set(version, { began: Math.min(seen.began, began), over: isOver ? Math.min(seen.over, ended) : seen.over });
    }
    for (const [name, lane] of lanes) {
      let before: (Lane & { readonly version: number }) | undefined;
      for (const [version, seen] of [...lane].toSorted(([a], [b]) => a - b)) {
        if (before && (seen.began < before.began || (before.over !== Infinity && seen.began < before.over))) {
          wrong.push(`${name}: event ${version} was begun before event ${before.version} was done`);
        }
        before = { version, ...seen };
      }
    }
    return wrong;
  },
};

/** When an event was first begun, and first over, as places in the history. */
interface Lane {
  readonly began: number;
  readonly over: number;
}

/** Where code was changed: what only some of it asks for may come at any time, by a replay. */
function askedOf(evidence: Evidence): (handler: string, stream: string, cause: string) => boolean {
  if (evidence.apps.length === 1) return () => true;
  const events = new Map<string, ReadonlyMap<string, Parameters<typeof isDemanded>[3]>>();
  return (handler, key, cause) => {
    const stream = evidence.streams.get(key);
    if (!stream || stream.erased) return false;
    let byId = events.get(key);
    if (!byId) events.set(key, (byId = new Map(partsOf(stream).map(({ id, event }) => [id, event]))));
    const event = byId.get(cause);
    const name = handler.slice(handler.indexOf(":") + 1);
    return (
      event !== undefined && isDemanding(evidence, name) && isDemanded(evidence, name, stream.stream.entity, event)
    );
  };
}
