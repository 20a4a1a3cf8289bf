import { randomUUID } from "node:crypto";
import type { Runtime } from "holdfast";
import { cart } from "../examples/shop/cart.ts";
import { atOnce } from "./harness.ts";

/** The input of the shop's `addItem`. */
export interface AddItem {
  readonly productId: string;
  readonly name: string;
  readonly quantity: number;
}

export const cartsCount = 1_000;

/** Commands per cart before anything is measured: past the first snapshot, after which opaque keys must be looked up. */
export const agedCommands = 105;

/** The cart of the `index`th command: all in turn, but not in the order of their ids, nor of their place on the disk. */
export function cartOf(index: number): string {
  return `cart-${(index * 389) % cartsCount}`;
}

/** A new object each time; a cart holds five products. */
export function itemOf(index: number): AddItem {
  const product = Math.floor(index / cartsCount) % 5;
  return { productId: `product-${product}`, name: `Stoneware mug, glaze ${product}`, quantity: 1 + (index % 3) };
}

/** Keys as clients make them: unique, and nothing can be read from them. */
export function opaqueKeys(count: number): string[] {
  return Array.from({ length: count }, () => randomUUID());
}

/** @throws Error if the command is refused, or is not what it was said to be: run now, or replayed */
export async function addItem(runtime: Runtime, id: string, key: string, item: AddItem): Promise<void> {
  const result = await runtime.call(cart, id, { key }).addItem(item);
  if (!result.ok) throw new Error(`addItem was rejected: ${result.code}`);
}

/** Runs the commands `0..commands * cartsCount - 1`, each cart's one after the other. */
export async function age(runtime: Runtime, commands: number): Promise<void> {
  const count = commands * cartsCount;
  const keys = opaqueKeys(count);
  await atOnce(500, count, (i) => addItem(runtime, cartOf(i), keys[i] ?? "", itemOf(i)));
}
