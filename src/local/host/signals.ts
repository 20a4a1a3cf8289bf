import { constants } from "node:os";
import type { Closed } from "./serve.ts";

const signals = ["SIGTERM", "SIGINT"] as const;

/**
 * Shuts down on the first signal, then exits: 0 if everything was finished, 1 if not. A second signal exits at once
 * (128 + its number, as shells count). Returns the way to stop listening, which leaves a shutdown that is under way alone.
 */
export function onSignals(close: () => Promise<Closed>): () => void {
  let stopping = false;
  const listener = (signal: (typeof signals)[number]): void => {
    if (stopping) process.exit(128 + constants.signals[signal]);
    stopping = true;
    close().then(
      ({ left }) => process.exit(left === 0 ? 0 : 1),
      (error: unknown) => {
        process.stderr.write(`Shutting down failed: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  for (const signal of signals) process.on(signal, listener);
  return () => {
    if (stopping) return;
    for (const signal of signals) process.off(signal, listener);
  };
}
