import type { BusResults } from "./bus.ts";
import type { StreamId } from "../journal/port.ts";
import type { HoldfastError } from "../errors.ts";
import { passing } from "./bus-errors.ts";
import { groupOf } from "./groups.ts";

/**
 * Sends messages so that no two of one stream are under way at once, and none goes after one of its stream that was not
 * taken. A call with one message of each stream is one wave.
 */
export async function inWaves<Item extends { readonly stream?: StreamId | undefined; readonly id: string }>(
  items: readonly Item[],
  send: (items: readonly Item[]) => Promise<BusResults>,
): Promise<BusResults> {
  const results: (HoldfastError | undefined)[] = items.map(() => undefined);
  const blocked = new Set<string>();
  for (const wave of wavesOf(items)) {
    const going = wave.filter(({ item, place }) => {
      if (!blocked.has(groupOf(item))) return true;
      results[place] = passing("An earlier message of the same stream was not taken; this one was not sent.");
      return false;
    });
    const some = await send(going.map(({ item }) => item));
    for (const [i, { item, place }] of going.entries()) {
      const error = some[i];
      results[place] = error;
      if (error) blocked.add(groupOf(item));
    }
  }
  return results;
}

interface Placed<Item> {
  readonly item: Item;
  readonly place: number;
}

/** The first of each stream, the second of each stream, and so on. */
function wavesOf<Item extends { readonly stream?: StreamId | undefined; readonly id: string }>(
  items: readonly Item[],
): readonly (readonly Placed<Item>[])[] {
  const waves: Placed<Item>[][] = [];
  const counts = new Map<string, number>();
  for (const [place, item] of items.entries()) {
    const group = groupOf(item);
    const count = counts.get(group) ?? 0;
    counts.set(group, count + 1);
    (waves[count] ??= []).push({ item, place });
  }
  return waves;
}
