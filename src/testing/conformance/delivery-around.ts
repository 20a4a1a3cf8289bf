import type { DeliveryStore } from "./delivery-case.ts";

/** Calls that change something, in the order in which a process may die at them. */
export const writes = ["append", "settle", "take"] as const;
const reads = ["due", "recordsAfter", "history", "record", "load"] as const;

type Call = (...args: readonly never[]) => Promise<unknown>;

/** The store with `around` around each of its calls. */
export function around(
  store: DeliveryStore,
  wrap: (name: string, call: () => Promise<unknown>) => Promise<unknown>,
): DeliveryStore {
  const wrapped: Record<string, Call> = {};
  for (const name of [...writes, ...reads]) {
    // Whatever it takes and gives, it is handed on.
    const call = store[name] as Call;
    wrapped[name] = (...args) => wrap(name, () => call(...args));
  }
  // The same methods by the same names.
  return { ...store, ...(wrapped as unknown as Pick<DeliveryStore, (typeof writes)[number]>) };
}
