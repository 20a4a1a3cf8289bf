import { definitionsOf, type Evidence } from "../evidence.ts";
import type { Checker } from "./checker.ts";
import { placeOf, runsOf } from "./runs.ts";
import { isWanted, partsOf, seenBy, type StoredPart } from "./wanted.ts";

/** What a handler sees of an entity is stored there, as it saw it, and is what its subscription asks for. */
export const committed: Checker = {
  name: "committed",
  check({ apps, streams, history }) {
    const wrong: string[] = [];
    const parts = new Map<string, ReadonlyMap<string, StoredPart>>();
    for (const { handler, cause, stream: key, version, seen } of history.handled) {
      const stream = key === undefined ? undefined : streams.get(key);
      if (key === undefined || stream?.erased) continue;
      let byId = parts.get(key);
      if (!byId) parts.set(key, (byId = new Map(stream ? partsOf(stream).map((part) => [part.id, part]) : [])));
      const what = `${handler}: event ${version} of ${key}, ${cause},`;
      const part = byId.get(cause);
      if (!part || !stream) {
        wrong.push(`${what} was handled and is not stored`);
        continue;
      }
      const { entity } = stream.stream;
      const shown = definitionsOf({ apps }, entity).map((definition) => seenBy(definition, part));
      if (!shown.includes(seen)) wrong.push(`${what} was seen as ${seen}, it is ${shown.join(" or ")}`);
      const name = handler.slice(handler.indexOf(":") + 1);
      if (!apps.some((app) => isWanted(app, name, entity, part.event))) {
        wrong.push(`${what} was handled, and the subscription does not ask for it: ${JSON.stringify(part.event)}`);
      }
    }
    return wrong;
  },
};

/** Every event that matches reaches every subscription: it was handled to the end, or is a dead letter. */
export const delivered: Checker = {
  name: "delivered",
  check(evidence) {
    const { app, streams, dead } = evidence;
    const runs = runsOf(evidence);
    const buried = new Set(dead.map(placeOf));
    const wrong: string[] = [];
    const names = [...app.subscriptions.keys()].filter((name) => isDemanding(evidence, name));
    for (const stream of streams.values()) {
      if (stream.erased || names.length === 0) continue;
      const { entity } = stream.stream;
      const listening = names.filter((name) => app.subscriptions.get(name)?.wants.has(entity));
      for (const { id, event, version, sequence, n } of listening.length > 0 ? partsOf(stream) : []) {
        for (const name of listening) {
          if (!isDemanded(evidence, name, entity, event)) continue;
          const handler = `subscription:${name}`;
          const all = runs.get(`${handler} ${id}`) ?? [];
          const isDead = buried.has(`${handler} ${stream.key} ${sequence} ${n}`);
          if (all.some(({ result }) => result === "done") || (isDead && all.length > 0)) continue;
          const what =
            all.length === 0 ? "was never handled" : `failed ${all.length} times and is neither handled nor dead`;
          wrong.push(`${handler}: event ${version} of ${stream.key} ${what}`);
        }
      }
    }
    for (const { queue, id } of evidence.history.sent) {
      const worker = [...app.workers.values()].find((worker) => worker.queue === queue);
      if (!worker) continue;
      const all = runs.get(`worker:${worker.name} ${id}`) ?? [];
      const isDead = dead.some(({ consumer, name }) => consumer === `queue:${queue}` && name === id);
      if (all.some(({ result }) => result === "done") || isDead) continue;
      wrong.push(`queue:${queue}: message ${id} was accepted and is neither handled nor dead`);
    }
    return wrong;
  },
};

/** A subscription that newer code has brought gets what comes from then on, or all if it begins at the beginning. */
export function isDemanding({ app, apps }: Evidence, name: string): boolean {
  return (
    app.subscriptions.get(name)?.from === "beginning" || apps.every(({ subscriptions }) => subscriptions.has(name))
  );
}

/** During a roll-out the old code passes over what it does not ask for. */
export function isDemanded({ apps }: Evidence, name: string, entity: string, event: StoredPart["event"]): boolean {
  return apps.every((app) => !app.subscriptions.has(name) || isWanted(app, name, entity, event));
}
