import type { WorkflowParts } from "./entity/definition.ts";
import type { Test } from "./messaging/filter.ts";
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
      /** Of a workflow: the versions of its code, and its signals. */
      readonly workflow?: WorkflowParts;
    };
  };
  readonly subscriptions: {
    readonly [name: string]: {
      readonly from: "now" | "beginning";
      /** `<entity>.<event type>` to filters, one of which must let the event through; one without fields lets all through. */
      readonly events: { readonly [event: string]: readonly { readonly [field: string]: Test }[] };
    };
  };
  readonly workers: { readonly [name: string]: { readonly queue: string } };
  readonly timers: { readonly [name: string]: { readonly cron: string; readonly zone: string } };
}

export function manifest(app: App): Manifest {
  const entities: Record<string, Manifest["entities"][string]> = {};
  for (const [name, entity] of sorted(app.entities)) {
    const events: Record<string, number> = {};
    for (const [type, { version }] of sorted(entity.events)) events[type] = version;
    const commands = [...entity.commands.keys()].toSorted();
    const { revision, history, workflow } = entity;
    entities[name] = { revision, history, commands, events, ...(workflow && { workflow }) };
  }
  const subscriptions: Record<string, Manifest["subscriptions"][string]> = {};
  for (const [name, { from, wants }] of sorted(app.subscriptions)) {
    const events: Record<string, Manifest["subscriptions"][string]["events"][string]> = {};
    for (const [entity, types] of sorted(wants)) {
      for (const [type, filters] of sorted(types)) {
        events[`${entity}.${type}`] = filters.map((filter) => Object.fromEntries(filter));
      }
    }
    subscriptions[name] = { from, events };
  }
  const workers: Record<string, Manifest["workers"][string]> = {};
  for (const [name, { queue }] of sorted(app.workers)) workers[name] = { queue };
  const timers: Record<string, Manifest["timers"][string]> = {};
  for (const [name, { cron, zone }] of sorted(app.timers)) timers[name] = { cron, zone };
  return { format: 1, entities, subscriptions, workers, timers };
}

function sorted<Value>(map: ReadonlyMap<string, Value>): readonly [string, Value][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * What would break if an app of manifest `next` replaced one of manifest `deployed`: stored events that it could not
 * read, snapshots that it would misread, commands that clients still send, messages that nobody would handle, workflows
 * that nobody would go on with. Empty if nothing would. What it cannot tell: whether the code of a version has changed.
 */
export function incompatibilities(deployed: Manifest, next: Manifest): readonly string[] {
  return [...brokenEntities(deployed, next), ...brokenHandlers(deployed, next)];
}

function* brokenEntities(deployed: Manifest, next: Manifest): Generator<string> {
  for (const [name, old] of Object.entries(deployed.entities)) {
    const entity = next.entities[name];
    if (entity === undefined) {
      yield `entity "${name}" is gone: its streams could not be read any more`;
      continue;
    }
    for (const [type, version] of Object.entries(old.events)) {
      const now = entity.events[type];
      if (now === undefined) yield `event "${name}.${type}" is gone: streams that hold one could not be read`;
      else if (now < version) yield `event "${name}.${type}" goes back from version ${version} to ${now}`;
    }
    yield* brokenWorkflow(name, old.workflow, entity.workflow);
    const signals = new Set(old.workflow?.signals.map((signal) => `signal-${signal}`));
    for (const command of old.commands) {
      if (signals.has(command)) continue;
      if (!entity.commands.includes(command)) yield `command "${name}.${command}" is gone: clients may send it`;
    }
    if (entity.revision < old.revision) {
      yield `revision of "${name}" goes back from ${old.revision} to ${entity.revision}: snapshots stay unused`;
    }
    if (old.history && !entity.history) yield `the history of "${name}" is not shown any more`;
  }
}

function* brokenWorkflow(name: string, old?: WorkflowParts, now?: WorkflowParts): Generator<string> {
  if (!old) return;
  if (!now) {
    yield `workflow "${name}" is a workflow no more: those under way stay where they are`;
    return;
  }
  for (const version of old.versions) {
    if (now.versions.includes(version)) continue;
    yield `version ${version} of workflow "${name}" is gone: those that began with it could not go on`;
  }
  for (const signal of old.signals) {
    if (now.signals.includes(signal)) continue;
    yield `signal "${name}.${signal}" is gone: clients may send it, and those under way may wait for it`;
  }
}

function* brokenHandlers(deployed: Manifest, next: Manifest): Generator<string> {
  for (const name of Object.keys(deployed.subscriptions)) {
    if (next.subscriptions[name]) continue;
    yield `subscription "${name}" is gone: what it has not handled yet and its dead letters stay behind`;
  }
  for (const [name, { queue }] of Object.entries(deployed.workers)) {
    const [taker] = Object.entries(next.workers).find(([, worker]) => worker.queue === queue) ?? [];
    if (taker === name) continue;
    // The keys of a worker's calls hold its name.
    if (taker !== undefined) {
      yield `queue "${queue}" goes from worker "${name}" to "${taker}": messages that are tried again may have their effects twice`;
    } else if (next.workers[name]) {
      yield `worker "${name}" changes from queue "${queue}" to "${next.workers[name].queue}": messages in the old one stay behind`;
    } else {
      yield `worker "${name}" is gone: messages in queue "${queue}" and its dead letters stay behind`;
    }
  }
  for (const name of Object.keys(deployed.timers)) {
    if (!next.timers[name]) yield `timer "${name}" is gone: it ticks no more, and its dead letters stay behind`;
  }
}
