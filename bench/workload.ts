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
export const usedCommands = 105;

export function cartId(index: number): string {
  return `cart-${index}`;
}

export const cartIds: readonly string[] = Array.from({ length: cartsCount }, (_, i) => cartId(i));

/** The cart of the `index`th command: all in turn, but not in the order of their ids, nor of their place on the disk. */
export function cartOf(index: number): string {
  return cartId((index * 389) % cartsCount);
}

/** A new object each time; a cart holds five products. */
export function itemOf(index: number): AddItem {
  const product = Math.floor(index / cartsCount) % 5;
  return { productId: `product-${product}`, name: `Stoneware mug, glaze ${product}`, quantity: 1 + (index % 3) };
}

/** A key as clients make them: unique, and nothing can be read from it. */
export function opaqueKey(): string {
  return randomUUID();
}

/** @throws Error if the command is not accepted */
export async function addItem(runtime: Runtime, id: string, key: string, item: AddItem): Promise<void> {
  const result = await runtime.call(cart, id, { key }).addItem(item);
  if (!result.ok) throw new Error(`addItem was rejected: ${result.code}`);
}

/**
 * Enough to load all carts, to compile the code, and to fill the database's log (4,000 pages) more than once: a log that
 * still grows takes the disk twice as long as one that is written over, and that is how it stays.
 */
export const warmUpCommands = 10_000;
export const warmUpWidth = 500;

/** Runs commands to `cart(0)`, `cart(1)`, ... before the clock starts. */
export async function warmUp(runtime: Runtime, cart: (index: number) => string): Promise<void> {
  await atOnce(warmUpWidth, warmUpCommands, (i) => addItem(runtime, cart(i), opaqueKey(), itemOf(i)));
}
