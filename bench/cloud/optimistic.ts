import { setTimeout as sleep } from "node:timers/promises";

/** How a command changes the state; undefined: there is none yet. */
export type Change<State> = (state: State | undefined) => State;

/** Where a handler that is written by hand keeps a state, and the version that is its lock. */
export interface Place<State, Version> {
  read(): Promise<{ readonly state: State; readonly version: Version } | undefined>;
  /** Writes it if the version is still that one, or nothing is there (undefined). Whether it has. */
  write(state: State, version: Version | undefined): Promise<boolean>;
}

/**
 * Reads the state, changes it, and writes it on the condition that nobody was faster; else all over again, after a random
 * time of up to `baseMs`, doubled with each attempt, at most a second. No keys: a retry by the client counts twice.
 * Source: aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter ("full jitter")
 */
export async function readAndWrite<State, Version>(
  place: Place<State, Version>,
  baseMs: number,
  change: Change<State>,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const found = await place.read();
    if (await place.write(change(found?.state), found?.version)) return;
    await sleep(Math.random() * Math.min(1_000, baseMs * 2 ** attempt));
  }
}
