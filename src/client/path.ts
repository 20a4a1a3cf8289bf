import { ClientError } from "./client-error.ts";

/** Longest id of an entity, in bytes of UTF-8. */
const idBytesMax = 256;

/**
 * The path of an entity, its id percent-encoded.
 * @throws ClientError `invalid-id` for an id that the server would refuse, or that would name another path
 */
export function entityPath(entity: string, id: string): string {
  return `/api/${entity}/${encodeId(id)}`;
}

function encodeId(id: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const allowed = /^(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u009f/\\?#]+$/;
  try {
    const encoded = encodeURIComponent(id);
    // Each escape stands for a byte, as does each other character.
    const bytes = encoded.replaceAll(/%../g, "x").length;
    if (allowed.test(id) && bytes <= idBytesMax && id.normalize() === id) return encoded;
  } catch {
    // A lone surrogate.
  }
  throw new ClientError(
    "invalid-id",
    `${JSON.stringify(id)} is no id: 1 to ${idBytesMax} bytes of UTF-8 in normalisation form C without control characters and / \\ ? #, not "." or "..".`,
  );
}

/**
 * Checks a number that goes into a request, as the server would.
 * @throws ClientError with that code unless it is a whole number of the range
 */
export function checkWhole(
  code: string,
  name: string,
  value: number,
  from = 0,
  to: number = Number.MAX_SAFE_INTEGER,
): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return;
  throw new ClientError(code, `${name} is a whole number from ${from} to ${to}, not ${String(value)}.`);
}
