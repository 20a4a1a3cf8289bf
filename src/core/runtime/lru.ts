/** A map that forgets what was used longest ago, bounded by entries and by weight (bytes). */
export interface Lru<Value> {
  get(key: string): Value | undefined;
  /** Adds or replaces; what was not got since is the newest then. `weight` in bytes. */
  set(key: string, value: Value, weight: number): void;
  delete(key: string): void;
  readonly size: number;
}

export function createLru<Value>(entriesMax: number, weightMax: number): Lru<Value> {
  // A Map keeps insertion order: the first entry is the one used longest ago.
  const entries = new Map<string, { value: Value; weight: number }>();
  let total = 0;
  const remove = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    total -= entry.weight;
  };
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.value;
    },
    set(key, value, weight) {
      const entry = entries.get(key);
      if (entry?.value === value) {
        // `get` has made it the newest already.
        total += weight - entry.weight;
        entry.weight = weight;
      } else {
        remove(key);
        entries.set(key, { value, weight });
        total += weight;
      }
      // Beginning an iteration steps over what was deleted: often, nothing has to go.
      if (entries.size <= entriesMax && total <= weightMax) return;
      for (const oldest of entries.keys()) {
        if (entries.size <= entriesMax && total <= weightMax) break;
        remove(oldest);
      }
    },
    delete: remove,
    get size() {
      return entries.size;
    },
  };
}
