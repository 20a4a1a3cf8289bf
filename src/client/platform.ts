/** Time and randomness; tests hand in their own. */
export interface Platform {
  /** Epoch milliseconds. */
  now(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** At least 100 random bits as 1 to 200 of `[A-Za-z0-9_-]`. */
  newId(): string;
  /** Runs `task` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
}

/** Longer delays would fire at once. Source: WHATWG HTML, timers: the delay is a 32-bit integer. */
const delayMaxMs = 2 ** 31 - 1;

/** What browsers, Node, Deno, Bun and workers have in common. */
export const webPlatform: Platform = {
  now: () => Date.now(),
  random: () => Math.random(),
  // Not randomUUID: browsers have that one in secure contexts only.
  newId: () => Array.from(crypto.getRandomValues(new Uint8Array(20)), (byte) => (byte & 31).toString(32)).join(""),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(delayMs, delayMaxMs));
    return () => clearTimeout(timer);
  },
};
