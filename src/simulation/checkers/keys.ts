import { parseKey } from "../../core/journal/keys.ts";
import type { CommandRequest } from "../../core/runtime/requests.ts";

const hashes = new Map<string, string>();

/** What is stored of a request's key. */
export function hashOfKey({ key, keyOrigin = "foreign" }: CommandRequest): string | undefined {
  if (key === undefined) return undefined;
  const name = `${keyOrigin} ${key}`;
  let hash = hashes.get(name);
  if (hash === undefined) {
    // A world's keys are asked for over and over again; those of the next one are others.
    if (hashes.size > 10_000) hashes.clear();
    hashes.set(name, (hash = parseKey(key, keyOrigin, Number.MAX_SAFE_INTEGER).hash));
  }
  return hash;
}

const dayMs = 24 * 3_600_000;

/**
 * Whether an opaque key that was used at one time may be unknown at another: after a day, or sooner where the bound on an
 * entity's keys is narrow. One that tells its age is refused then, never unknown.
 */
export function mayBeForgotten(key: string | undefined, usedAt: number, at: number, isNarrow: boolean): boolean {
  return key !== undefined && !key.startsWith("hf1.") && (isNarrow || at - usedAt >= dayMs - clocksMs);
}

/** What the clocks of two instances may differ by, at most. */
const clocksMs = 60_000;
