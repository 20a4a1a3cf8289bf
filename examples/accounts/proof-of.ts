import { scryptSync } from "node:crypto";

/** What a client sends instead of a password: 43 characters. Takes some 50 ms, so guessing takes long. */
export function proofOf(account: string, password: string): string {
  return scryptSync(password, account, 32).toString("base64url");
}
