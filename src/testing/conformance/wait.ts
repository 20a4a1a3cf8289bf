import { fail } from "node:assert/strict";
import { createSystem } from "../../core/runtime/system.ts";

const system = createSystem();

/** How long a store may take for what it does by itself, milliseconds; nothing waits as long unless it fails. */
const patienceMs = 5_000;

/** Lets the event loop go round until `is` holds. @throws AssertionError if it does not, in five seconds */
export async function eventually(is: () => boolean, what: string): Promise<void> {
  for (const until = system.now() + patienceMs; !is(); ) {
    if (system.now() > until) fail(`${what}: it does not come`);
    await new Promise<void>((resolve) => system.soon(resolve));
  }
}

/** Lets the event loop go round a few times, for what a store does between two calls. */
export async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => system.soon(resolve));
}
