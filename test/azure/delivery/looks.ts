import { topicName } from "holdfast/azure/service-bus";
import { expect } from "vitest";
import type { StreamId } from "../../../src/core/journal/port.ts";
import { systemPrincipal } from "../../../src/core/runtime/authorize.ts";
import { entityOf } from "./hands.ts";
import type { Node, World } from "./world.ts";

/** Longer than any wake-up, lock or pause of a world that nothing goes wrong in, milliseconds. */
const restMs = 600_000;

export const streamOf = (id: string): StreamId => ({ tenant: "default", entity: "counter", id });

/** What the diary of that counter says. */
export async function notesOf({ runtime }: Node, id: string): Promise<unknown> {
  const { view } = await runtime.view({ entity: "diary", id, principal: systemPrincipal });
  // The view of a diary is its state.
  return (view as { readonly notes: unknown }).notes;
}

/** How many records the counter has. */
export async function recordsOf({ journal }: Node, id: string): Promise<number> {
  return (await journal.history(streamOf(id), { after: 0, limit: 1_000 })).length;
}

/** In the end nothing waits anywhere, and nothing was given up. */
export async function comesToRest(world: World, node: Node): Promise<void> {
  await world.pass(restMs);
  const places = ["subscription:diaries", "wakeups", "sends", "timers"].map(entityOf);
  expect([...places, topicName].flatMap((place) => world.broker.messages(place))).toEqual([]);
  expect(await node.failures.dead({ limit: 10 })).toEqual([]);
}
