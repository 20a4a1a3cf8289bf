import { randomFillSync } from "node:crypto";
import type { Telemetry } from "./telemetry.ts";

/** One structured line: fields first, then the text. pino's loggers fit as they are. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Everything that is not deterministic comes through here; a simulation replaces it as a whole. */
export interface System {
  /** Epoch milliseconds. */
  now(): number;
  /** Uniform in [0, 1). */
  random(): number;
  /** 20 characters of `[0-9a-v]`, 100 random bits. */
  newId(): string;
  /** Runs `task` once after at least `delayMs`; the returned function cancels it. */
  after(delayMs: number, task: () => void): () => void;
  /** Runs `task` after the input that has already arrived: what arrives together can be handled together. */
  soon(task: () => void): void;
  readonly log: Logger;
  /** Who is told of spans and measurements. Absent: nobody, at no cost. */
  readonly telemetry?: Telemetry | undefined;
}

/** Epoch milliseconds as RFC 3339 in UTC: `2026-01-01T00:00:00.000Z`. */
export function isoTime(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** RFC 3339 as epoch milliseconds; NaN for what is none. */
export function epochOf(time: string): number {
  return /^\d{4}-\d\d-\d\dT/.test(time) ? Date.parse(time) : Number.NaN;
}

/** Epoch milliseconds for others' functions that take nothing but a Date. */
export function dateOf(epochMs: number): Date {
  return new Date(epochMs);
}

const nothing = (): void => {};

/** Drops every line. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

const alphabet = "0123456789abcdefghijklmnopqrstuv";

/** An id of 20 characters from 20 random bytes (5 bits of each are used). */
export function idFromBytes(bytes: Uint8Array, offset: number): string {
  let id = "";
  for (let i = offset; i < offset + 20; i++) id += alphabet[(bytes[i] ?? 0) & 31];
  return id;
}

/** The real clock, randomness and timers of this process. The only place in the core that touches them. */
export function createSystem(options: Pick<Partial<System>, "log" | "telemetry"> = {}): System {
  const pool = new Uint8Array(20 * 256);
  let used = pool.length;
  return {
    now: () => Date.now(),
    random: () => Math.random(),
    newId() {
      if (used === pool.length) {
        randomFillSync(pool);
        used = 0;
      }
      used += 20;
      return idFromBytes(pool, used - 20);
    },
    after(delayMs, task) {
      const timer = setTimeout(task, delayMs);
      return () => clearTimeout(timer);
    },
    soon: (task) => void setImmediate(task),
    log: options.log ?? silentLogger,
    telemetry: options.telemetry,
  };
}
