import { hash } from "node:crypto";
import type { StormAnswer } from "./children/overload-client.ts";

/** One command that was offered. */
export interface Offered {
  readonly key: string;
  /** When it had to be sent and when its answer was there, milliseconds from the start. */
  readonly sent: number;
  readonly answered: number;
  readonly hot: boolean;
  /**
   * `accepted`: 2xx. `refused`: 429 or 503 with Retry-After. `failed`: any other answer, a 429 or 503 without Retry-After
   * among them. `unanswered`: it is not known to the client what became of it.
   */
  readonly end: "accepted" | "refused" | "failed" | "unanswered";
}

export function offeredOf(name: string, answer: StormAnswer): readonly Offered[] {
  return answer.at.map((sent, i) => {
    const status = answer.status[i] ?? 0;
    return {
      key: `${name}-${i}`,
      sent,
      answered: sent + (answer.ms[i] ?? 0),
      hot: answer.hot[i] === 1,
      end: endOf(status, answer.retryAfter[i] === 1),
    };
  });
}

function endOf(status: number, retryAfter: boolean): Offered["end"] {
  if (status === 0) return "unanswered";
  if (status >= 200 && status < 300) return "accepted";
  return (status === 429 || status === 503) && retryAfter ? "refused" : "failed";
}

/** Accepted answers per second between two times, by when they were there. */
export function goodput(offered: readonly Offered[], from: number, to: number): number {
  const inTime = offered.filter(({ end, answered }) => end === "accepted" && answered >= from && answered < to);
  return (1_000 * inTime.length) / (to - from);
}

/** Of the commands with that end, from sending to answer, ascending. */
export function latencies(offered: readonly Offered[], end: Offered["end"]): readonly number[] {
  return offered
    .filter((one) => one.end === end)
    .map(({ sent, answered }) => answered - sent)
    .toSorted((a, b) => a - b);
}

/** @throws RangeError for no numbers */
export function percentile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  if (value === undefined) throw new RangeError("The percentile needs numbers.");
  return value;
}

/** Long enough that a pause of the machine is not taken for overload. */
export const sliceMs = 500;

/**
 * Milliseconds from `from` to the end of the last half second, by sending, that was not ordinary: one in which a command
 * was not accepted, or more than a tenth took longer than `ordinaryMs`. 0: all were.
 */
export function disturbedMs(offered: readonly Offered[], from: number, ordinaryMs: number): number {
  const slices = Map.groupBy(
    offered.filter(({ sent }) => sent >= from),
    ({ sent }) => Math.floor((sent - from) / sliceMs),
  );
  const disturbed = [...slices].filter(
    ([, slice]) =>
      slice.some(({ end }) => end !== "accepted") || percentile(latencies(slice, "accepted"), 0.9) > ordinaryMs,
  );
  return Math.max(0, ...disturbed.map(([slice]) => (slice + 1) * sliceMs));
}

export interface Difference {
  /** Accepted, but not stored exactly once. */
  readonly lost: number;
  /** Stored, although the client was told that it was refused or has failed. */
  readonly uninvited: number;
}

/** Compares what clients were told with the key hashes that the journal holds. */
export function compareStored(offered: readonly Offered[], stored: readonly string[]): Difference {
  const times = new Map<string, number>();
  for (const key of stored) times.set(key, (times.get(key) ?? 0) + 1);
  let [lost, uninvited] = [0, 0];
  for (const { key, end } of offered) {
    const found = times.get(hashOf(key)) ?? 0;
    if (end === "accepted" && found !== 1) lost++;
    if ((end === "refused" || end === "failed") && found > 0) uninvited++;
  }
  return { lost, uninvited };
}

/** As docs/format.md has it for the keys of callers. */
export function hashOf(key: string): string {
  return hash("sha256", `foreign\0${key}`, "base64url").slice(0, 22);
}
