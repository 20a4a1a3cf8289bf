import type { Runtime } from "holdfast";
import { atOnce } from "../harness.ts";
import { addItem, cartId, cartsCount as cycle, itemOf, opaqueKey } from "../workload.ts";

/** As many as there are records between two snapshots: with one more command on each, one of them has a snapshot due. */
export const cartsCount = 100;

/** Commands and bare writes before the clock starts, at the same time. */
export const warmUpWidth = 16;

export function cartOf(index: number): string {
  return cartId(index % cartsCount);
}

/** Has the first cart one command behind it, the second two, and so on. */
export async function fillCarts(runtime: Runtime): Promise<void> {
  await atOnce(warmUpWidth, cartsCount, async (cart) => {
    for (let i = 0; i <= cart; i++) await addItem(runtime, cartId(cart), opaqueKey(), itemOf(i * cycle));
  });
}

/** Commands one after the other, to all carts in turn, each with an opaque key. */
export function commandsTo(runtime: Runtime): () => Promise<void> {
  let next = 0;
  return () => {
    const index = next++;
    return addItem(runtime, cartOf(index), opaqueKey(), itemOf(index * cycle));
  };
}

/** A sequence as the journals' sort keys have it: 16 digits. */
export function digits(sequence: number): string {
  return String(sequence).padStart(16, "0");
}
