import { hash } from "node:crypto";
import { HoldfastError } from "../errors.ts";
import { canonicalJson, type JsonValue } from "../json.ts";

/**
 * Who made an idempotency key. `derived` keys are made by Holdfast from the cause of a command (a handler's call, a
 * send, a timer): they live longer, and no key that a caller sends can ever equal one.
 */
export type KeyOrigin = "foreign" | "derived";

export interface Key {
  readonly text: string;
  readonly origin: KeyOrigin;
  /** Birth of a key in our own form, epoch milliseconds; other keys are opaque. */
  readonly born: number | undefined;
  /** What is stored of it: 22 characters (132 bits) of its SHA-256. */
  readonly hash: string;
}

/** Longest key, in characters. */
export const keyCharsMax = 255;

/** How far ahead of our clock a key in our own form may have been born. */
export const keySkewMaxMs: number = 5 * 60_000;

const ownForm = /^hf1\.(\d{1,15})\.[A-Za-z0-9_-]{1,200}$/;

/** A key in our own form, `hf1.<birth in epoch milliseconds>.<id>`: a retry past the window is refused, never run again. */
export function formatKey(born: number, id: string): string {
  return `hf1.${born}.${id}`;
}

/**
 * Checks and hashes a key.
 * @throws HoldfastError `invalid-idempotency-key`: empty, over 255 characters, not printable ASCII, or born more than
 * five minutes in the future (a key must not outlive the knowledge of it).
 */
export function parseKey(text: string, origin: KeyOrigin, now: number): Key {
  if (!/^[\x20-\x7e]{1,255}$/.test(text) || text.trim() !== text) {
    throw new HoldfastError(
      "invalid-idempotency-key",
      `An idempotency key is 1 to ${keyCharsMax} printable ASCII characters without surrounding spaces.`,
    );
  }
  const match = ownForm.exec(text);
  const born = match ? Number(match[1]) : undefined;
  // A derived key is born with its cause, by the clock of whoever committed that.
  if (origin === "foreign" && born !== undefined && born > now + keySkewMaxMs) {
    throw new HoldfastError(
      "invalid-idempotency-key",
      `The key was born at ${born}, more than five minutes ahead of the server's clock (${now}); check the client's clock.`,
    );
  }
  return { text, origin, born, hash: digest(`${origin}\0${text}`) };
}

/** Equal for two payloads if and only if they are equal JSON values sent to the same command. */
export function fingerprint(command: string, input: JsonValue | undefined): string {
  return digest(`${command}\0${input === undefined ? "" : canonicalJson(input)}`);
}

/** 22 characters of base64url SHA-256: 132 bits. */
export function digest(text: string): string {
  return hash("sha256", text, "base64url").slice(0, 22);
}
