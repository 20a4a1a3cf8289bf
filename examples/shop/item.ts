import * as z from "zod";

/** One line of a cart, and of the order that it becomes. */
export interface Item {
  readonly productId: string;
  readonly name: string;
  readonly quantity: number;
}

export const productId = z.string().min(1).max(100);
export const productName = z.string().min(1).max(200);
export const item = z.object({ productId, name: productName, quantity: z.int() });
export const country = z.string().regex(/^[A-Z]{2}$/, "two capital letters (ISO 3166-1)");
