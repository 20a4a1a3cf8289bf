import type { Told } from "./observed.ts";

/** What a client wants: its key stays the same until it knows what became of it. */
export interface Wish {
  readonly entity: "account" | "source" | "errand";
  readonly id: string;
  readonly command: string;
  readonly key: string;
  readonly input: Told["input"];
}

/** Few, so that clients and processes get in each other's way. */
export const accounts: readonly string[] = ["a0", "a1", "a2"];
const sources = 8;

const desks: readonly string[] = ["d0", "d1"];

/** What a client may want of workflows; `started` are ids of those that it knows to be there. */
function nextErrand(random: () => number, mark: string, started: readonly string[]): Wish {
  const dice = random();
  const of = { entity: "errand", key: mark } as const;
  if (started.length === 0 || dice < 0.5) {
    const fails = pick(random, ["never", "never", "once", "always"]);
    const [sleepMs, waitMs] = [Math.floor(random() * 3_000), Math.floor(random() * 20_000)];
    // Some are there already.
    const id = started.length > 0 && dice < 0.06 ? pick(random, started) : `e-${mark}`;
    return { ...of, id, command: "start", input: { mark, desk: pick(random, desks), fails, sleepMs, waitMs } };
  }
  const id = pick(random, started.slice(-5));
  return { ...of, id, command: dice < 0.8 ? "signals/go" : "cancel", input: { mark } };
}

/** The next command that a client wants; `mark` is unique. Only some sources have events that fail. */
export function nextWish(random: () => number, mark: string, started: readonly string[]): Wish {
  if (random() < 0.2) return nextErrand(random, mark, started);
  if (random() < 0.5) {
    const command = pick(random, ["deposit", "withdraw", "charge"]);
    const input = { mark, amount: 1 + Math.floor(random() * 20) };
    return { entity: "account", id: pick(random, accounts), command, key: mark, input };
  }
  const source = Math.floor(random() * sources);
  const fails = random() > 0.2 ? "never" : source < 2 ? "always" : source < 4 ? "once" : "never";
  const command = pick(random, ["add", "add", "addTwo", "tell", "later"]);
  const colour = pick(random, ["red", "blue"]);
  const input = { mark, colour, fails, ...(command === "later" && { ms: Math.floor(random() * 10_000) }) };
  return { entity: "source", id: `s${source}`, command, key: mark, input };
}

/** One of them. @throws Error where there is none */
export function pick<T>(random: () => number, from: readonly T[]): T {
  const picked = from[Math.floor(random() * from.length)];
  if (picked === undefined) throw new Error("There is nothing to pick from.");
  return picked;
}
