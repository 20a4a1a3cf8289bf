import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { HoldfastError } from "../../core/errors.ts";
import { damaged, type Properties, type StoredRow } from "./rows.ts";

/**
 * Characters that are stored as text, which anybody can read: twice as many bytes, since Tables keep UTF-16. What is
 * longer is deflated.
 */
const textMax = 1_024;

/** No control characters, halves of characters and the like: text that every tool shows as it is. */
const readable = /^\P{C}*$/u;

/**
 * A property holds 64 KiB, a row 1 MiB with the names of its properties and its keys; besides the payload those need less
 * than 20 KB. Source: learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
 */
const propertyBytesMax = 64 * 1_024;
export const rowBytesMax: number = 15 * propertyBytesMax;

/** Past it nothing is deflated, nor inflated. State and timers are 1 MiB at most, with the lists of keys far below it. */
export const payloadBytesMax: number = 16 * 1_024 * 1_024;

const deflate: (data: string) => Promise<Buffer> = promisify(deflateRaw);
const inflate: (data: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer> = promisify(inflateRaw);

/** As it is stored: as it is, or deflated (RFC 1951). @throws HoldfastError `entity-too-large` over 16 MiB */
export async function packed(text: string): Promise<string | Uint8Array> {
  if (text.length <= textMax && readable.test(text)) return text;
  const bytes = Buffer.byteLength(text);
  if (bytes > payloadBytesMax) throw tooLarge(bytes, payloadBytesMax, "");
  return deflate(text);
}

/** The properties that hold it: `name` where it is text, else `name0`, `name1` and so on, 64 KiB each. */
export function propertiesOf(name: string, payload: string | Uint8Array): Properties {
  if (typeof payload === "string") return { [name]: payload };
  if (payload.length > rowBytesMax) throw tooLarge(payload.length, rowBytesMax, ", deflated");
  return Object.fromEntries(slices(payload, propertyBytesMax).map((bytes, n) => [`${name}${n}`, bytes]));
}

/** Both at once. @throws HoldfastError `entity-too-large` where it does not fit into a row */
export async function payloadOf(name: string, text: string): Promise<Properties> {
  return propertiesOf(name, await packed(text));
}

/** What `payloadOf` made properties of. @throws HoldfastError `journal-corrupt` where they are not there, or not whole */
export async function textIn(row: StoredRow, name: string, what: string): Promise<string> {
  const text = row[name];
  if (typeof text === "string") return text;
  const bytes = bytesIn(row, name);
  if (bytes.length === 0) throw damaged(what);
  return inflated(bytes, what);
}

/** Of `name0`, `name1` and so on those that are there. */
export function bytesIn(row: StoredRow, name: string): readonly Uint8Array[] {
  const bytes: Uint8Array[] = [];
  for (let n = 0; ; n++) {
    const part = row[`${name}${n}`];
    if (!(part instanceof Uint8Array)) return bytes;
    bytes.push(part);
  }
}

/** @throws HoldfastError `journal-corrupt` where the bytes are not what `packed` made */
export async function inflated(bytes: readonly Uint8Array[], what: string): Promise<string> {
  try {
    return (await inflate(Buffer.concat(bytes), { maxOutputLength: payloadBytesMax })).toString();
  } catch (error) {
    throw new HoldfastError("journal-corrupt", damaged(what).message, { cause: error });
  }
}

export function slices(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
}

export function tooLarge(bytes: number, max: number, how: string): HoldfastError {
  return new HoldfastError(
    "entity-too-large",
    `What is to be stored in a row has ${bytes} bytes${how}; ${max} are allowed. Nothing was written.`,
  );
}
