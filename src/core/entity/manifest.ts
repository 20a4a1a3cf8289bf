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

/**
 * What would break if an app of manifest `next` replaced one of manifest `deployed`: stored events that it could not
 * read, snapshots that it would misread, commands that clients still send. Empty if nothing would.
 */
export function incompatibilities(deployed: Manifest, next: Manifest): readonly string[] {
  const problems: string[] = [];
  for (const [name, old] of Object.entries(deployed.entities)) {
    const entity = next.entities[name];
    if (entity === undefined) {
      problems.push(`entity "${name}" is gone: its streams could not be read any more`);
      continue;
    }
    for (const [type, version] of Object.entries(old.events)) {
      const now = entity.events[type];
      if (now === undefined) problems.push(`event "${name}.${type}" is gone: streams that hold one could not be read`);
      else if (now < version) problems.push(`event "${name}.${type}" goes back from version ${version} to ${now}`);
    }
    for (const command of old.commands) {
      if (!entity.commands.includes(command))
        problems.push(`command "${name}.${command}" is gone: clients may send it`);
    }
    if (entity.revision < old.revision) {
      problems.push(
        `revision of "${name}" goes back from ${old.revision} to ${entity.revision}: snapshots stay unused`,
      );
    }
    if (old.history && !entity.history) problems.push(`the history of "${name}" is not shown any more`);
  }
  return problems;
}
