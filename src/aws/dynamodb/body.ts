import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { HoldfastError } from "../../core/errors.ts";
import { damaged } from "./items.ts";

/** A snapshot's body as it is stored: as it is, deflated (RFC 1951), or deflated in items of its own. */
export type PackedBody =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "deflated"; readonly bytes: Uint8Array }
  | { readonly kind: "parts"; readonly generation: string; readonly count: number };

/** One write unit. */
const unitBytes = 1_024;

/** An item holds 400 KB with the names of its attributes and its keys; those need less than 2,000. */
const itemBytesMax = 400 * 1_024 - 4_096;

/** All parts and the head are one transaction: 4 MB, 100 items. */
const partsMax = 9;

/** Past it no body is deflated, nor inflated. State and timers are 1 MiB at most, with the lists of keys far below it. */
const bodyBytesMax = 16 * 1_024 * 1_024;

const deflate: (data: string) => Promise<Buffer> = promisify(deflateRaw);
const inflate: (data: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer> = promisify(inflateRaw);

/** A body, and the parts that it goes into where one item does not hold it. */
export interface Packed {
  readonly body: PackedBody;
  readonly parts: readonly Uint8Array[];
}

/**
 * Deflates what does not fit into the write unit that is paid anyway, and splits what does not fit into one item.
 * @throws HoldfastError `entity-too-large` if it is over 16 MiB, or over 3.5 MiB when deflated
 */
export async function pack(text: string, newGeneration: () => string): Promise<Packed> {
  const textBytes = Buffer.byteLength(text);
  if (textBytes > bodyBytesMax) throw tooLarge(textBytes, bodyBytesMax, "");
  // The keys, the header and its names take some 200 bytes of the unit.
  if (textBytes <= unitBytes - 256) return { body: { kind: "text", text }, parts: [] };
  const bytes = await deflate(text);
  if (units(bytes.length) >= units(textBytes) && textBytes <= itemBytesMax) {
    return { body: { kind: "text", text }, parts: [] };
  }
  if (bytes.length <= itemBytesMax) return { body: { kind: "deflated", bytes }, parts: [] };
  const count = Math.ceil(bytes.length / itemBytesMax);
  if (count > partsMax) throw tooLarge(bytes.length, partsMax * itemBytesMax, ", deflated");
  const parts = Array.from({ length: count }, (_, n) => bytes.subarray(n * itemBytesMax, (n + 1) * itemBytesMax));
  return { body: { kind: "parts", generation: newGeneration(), count }, parts };
}

function units(bytes: number): number {
  return Math.ceil(bytes / unitBytes);
}

/** @throws HoldfastError `journal-corrupt` where the bytes are not what `pack` made */
export async function inflated(bytes: Uint8Array, what = "a snapshot"): Promise<string> {
  try {
    return (await inflate(bytes, { maxOutputLength: bodyBytesMax })).toString();
  } catch (error) {
    throw new HoldfastError("journal-corrupt", damaged(what).message, { cause: error });
  }
}

function tooLarge(bytes: number, max: number, how: string): HoldfastError {
  return new HoldfastError(
    "entity-too-large",
    `A snapshot has ${bytes} bytes${how}; ${max} are allowed. Nothing was written.`,
  );
}
