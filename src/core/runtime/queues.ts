import type { EntityDefinition } from "../entity/definition.ts";
import type { StreamId } from "../journal/port.ts";
import { overloaded } from "./admission.ts";
import type { Backlog } from "./backlog.ts";
import type { Limits } from "./limits.ts";
import { streamKey } from "./live.ts";
import type { Target } from "./ports.ts";
import type { Item } from "./requests.ts";
import type { System } from "./system.ts";

/**
 * Puts an item into the queue of its entity.
 * @throws HoldfastError `overloaded` if too many wait there, or for the store
 */
export type Enqueue = (definition: EntityDefinition, stream: StreamId, item: Item) => void;

interface Queue extends Target {
  readonly items: Item[];
  /** Those taken from the queue that are being settled. */
  settling: number;
}

/**
 * One queue per entity that somebody waits for; entities do not wait for each other. `settle` gets what waits, in
 * groups, one group of an entity at a time.
 */
export function createQueues(
  system: System,
  limits: Limits,
  backlog: Backlog,
  settle: (target: Target, group: readonly Item[]) => Promise<void>,
): Enqueue {
  const queues = new Map<string, Queue>();
  /** Queues that wait for their turn to begin. */
  const arrived: Queue[] = [];

  /** What arrived in one turn of the event loop begins together, so that a journal can store it together. */
  function drainArrived(): void {
    for (const queue of arrived.splice(0)) void drain(queue);
  }

  async function drain(queue: Queue): Promise<void> {
    while (queue.items.length > 0) {
      const group = queue.items.splice(0, limits.groupMax);
      queue.settling = group.length;
      try {
        await settle(queue, group);
      } catch (error) {
        // Settled items ignore this; those that are being prepared come back, or have come back already.
        for (const item of group) {
          const preparing = item.kind === "command" && item.prepared === "running";
          if (!preparing && !queue.items.includes(item)) item.reject(error);
        }
      }
      backlog.count(-group.length);
    }
    queues.delete(queue.key);
  }

  return (definition, stream, item) => {
    const key = streamKey(stream);
    const queue = queues.get(key);
    // What was prepared has been let in before.
    const isNew = item.kind === "command" && item.principal.kind !== "system" && item.prepared === undefined;
    if (isNew) backlog.check(queue ? queue.items.length + queue.settling : 0);
    if (queue === undefined) {
      backlog.count(1);
      const created: Queue = { definition, stream, key, items: [item], settling: 0 };
      queues.set(key, created);
      if (arrived.push(created) === 1) system.soon(drainArrived);
      return;
    }
    if (queue.items.length >= limits.requestsPerEntityMax) {
      throw overloaded(`${limits.requestsPerEntityMax} requests wait for ${definition.name} "${stream.id}" already`);
    }
    backlog.count(1);
    queue.items.push(item);
  };
}
