import type { Deed, World } from "./holdfast.ts";

/** How an order ends. */
export const fates = ["well", "refused", "unmade", "lost", "settled", "disputed"] as const;
export type Fate = (typeof fates)[number];

/** The fate that an order's id says it has: `lost-7`. */
export function fateOf(order: string): Fate {
  return fates.find((fate) => order.startsWith(`${fate}-`)) ?? "well";
}

/** A world in memory that honours keys, as banks and carriers do, and tells what it has done: `refund lost-7`. */
export function createWorld(): World & { readonly deeds: readonly string[] } {
  const answers = new Map<string, unknown>();
  const deeds: string[] = [];

  async function once<T>(kind: string, { order, key }: Deed, answer: () => T): Promise<T> {
    const name = `${kind} ${key}`;
    if (!answers.has(name)) {
      answers.set(name, answer());
      deeds.push(`${kind} ${order}`);
    }
    // What this very deed has put there.
    return answers.get(name) as T;
  }

  return {
    deeds,
    charge: (deed, total) =>
      once("charge", deed, () => (fateOf(deed.order) === "refused" ? undefined : `${deed.order}: ${total}`)),
    refund: (deed) => once("refund", deed, () => undefined),
    make: (deed) => once("make", deed, () => fateOf(deed.order) !== "unmade"),
    ship: (deed) => once("ship", deed, () => `parcel-${deed.order}`),
    carry: (deed) => once("carry", deed, () => fateOf(deed.order) !== "lost"),
    ask: (deed) =>
      once("ask", deed, () => (["settled", "disputed"].includes(fateOf(deed.order)) ? "It is blue." : undefined)),
    negotiate: (deed) => once("negotiate", deed, () => fateOf(deed.order) === "settled"),
  };
}
