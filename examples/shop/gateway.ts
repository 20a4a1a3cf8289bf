import type { Item } from "./item.ts";

export type Charge = { readonly ok: true; readonly receipt: string } | { readonly ok: false; readonly reason: string };

/** What the shop wants from whoever takes its customers' money. */
export interface Gateway {
  /** Takes the money once for each key, and answers the same each time. Throws if it is not known whether it did. */
  charge(key: string, items: readonly Item[]): Promise<Charge>;
  /** Gives back what was taken under that key. */
  refund(key: string): Promise<void>;
}

/** Charges that are remembered: this is an example, and its memory is small. */
const chargesMax = 10_000;

/**
 * A stand-in: no money moves. It is as bad as the real ones (each charge fails twice before it works, and the product
 * `unpayable` is always declined), but its memory ends with the process; theirs does not.
 */
export function createGateway(): Gateway {
  const failures = new Map<string, number>();
  const receipts = new Map<string, string>();
  return {
    async charge(key, items) {
      if (items.some(({ productId }) => productId === "unpayable"))
        return { ok: false, reason: "the card was declined" };
      const receipt = receipts.get(key) ?? `receipt-${key}`;
      if (receipts.has(key)) return { ok: true, receipt };
      const failed = failures.get(key) ?? 0;
      if (failed < 2) {
        remember(failures, key, failed + 1);
        throw new Error("the gateway does not answer");
      }
      failures.delete(key);
      remember(receipts, key, receipt);
      return { ok: true, receipt };
    },
    async refund(key) {
      receipts.delete(key);
    },
  };
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > chargesMax && oldest !== undefined) map.delete(oldest);
}
