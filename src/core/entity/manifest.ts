import type { App } from "./app.ts";

/** What an app declares, as data: what deployments are made from and compared with. Keys are sorted. */
export interface Manifest {
  readonly format: 1;
  readonly entities: {
    readonly [name: string]: {
      readonly revision: number;
      readonly history: boolean;
      readonly commands: readonly string[];
      /** Event type to the version of its shape. */
      readonly events: { readonly [type: string]: number };
    };
  };
}

export function manifest(app: App): Manifest {
  const entities: Record<string, Manifest["entities"][string]> = {};
  for (const [name, entity] of sorted(app.entities)) {
    const events: Record<string, number> = {};
    for (const [type, { version }] of sorted(entity.events)) events[type] = version;
    const commands = [...entity.commands.keys()].toSorted();
    entities[name] = { revision: entity.revision, history: entity.history, commands, events };
  }
  return { format: 1, entities };
}

function sorted<Value>(map: ReadonlyMap<string, Value>): readonly [string, Value][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}
