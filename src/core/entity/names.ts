import { HoldfastError } from "../errors.ts";

const name = /^[a-zA-Z][a-zA-Z0-9-]{0,39}$/;
const tenant = /^[a-z0-9-]{1,64}$/;

/** Part of the HTTP contract, of a promise's shape, or of every object's: nothing may be called so, in any case. */
const reserved: ReadonlySet<string> = new Set(
  ["events", "signals", "then", "toJSON", ...Object.getOwnPropertyNames(Object.prototype)].map((name) =>
    name.toLowerCase(),
  ),
);

/** @throws HoldfastError `invalid-declaration` */
export function checkName(kind: string, value: unknown): asserts value is string {
  if (typeof value !== "string" || !name.test(value)) {
    throw declarationError(
      `${kind} name ${JSON.stringify(value)} is not allowed: a letter, then up to 39 letters, digits or hyphens.`,
    );
  }
  if (reserved.has(value.toLowerCase())) throw declarationError(`${kind} name "${value}" is reserved.`);
}

/** Refuses names that differ only in case: brokers compare them that way. */
export function checkUnique(kind: string, values: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const value of values) {
    const other = seen.get(value.toLowerCase());
    if (other !== undefined)
      throw declarationError(
        `${kind} names "${other}" and "${value}" are equal${other === value ? "" : " ignoring case"}.`,
      );
    seen.set(value.toLowerCase(), value);
  }
}

/** @throws HoldfastError `invalid-declaration` for options that are none, or hold what is not known */
export function checkOptions(what: string, options: object, known: ReadonlySet<string>): void {
  if (typeof options !== "object" || options === null) throw declarationError(`The options of ${what} are missing.`);
  for (const key of Object.keys(options)) {
    if (!known.has(key)) throw declarationError(`Unknown option "${key}" of ${what}. Known: ${[...known].join(", ")}.`);
  }
}

export function declarationError(message: string): HoldfastError {
  return new HoldfastError("invalid-declaration", message);
}

/** Longest id of an entity, in bytes of UTF-8. */
export const idBytesMax = 256;

/** @throws HoldfastError `invalid-id`, saying which rule was broken */
export function checkId(id: unknown): asserts id is string {
  if (typeof id !== "string" || id === "") throw idError("is empty");
  // Most ids are so plain that none of the rules can be broken.
  if (/^[a-zA-Z0-9_-]{1,256}$/.test(id)) return;
  if (!id.isWellFormed()) throw idError("is not valid Unicode");
  if (Buffer.byteLength(id) > idBytesMax) throw idError(`is longer than ${idBytesMax} bytes`);
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(id)) throw idError("holds a control character");
  if (/[/\\?#]/.test(id)) throw idError("holds one of / \\ ? #");
  if (id === "." || id === "..") throw idError('is "." or ".."');
  if (id.normalize("NFC") !== id) throw idError("is not in Unicode normalisation form C");
}

function idError(problem: string): HoldfastError {
  return new HoldfastError("invalid-id", `The id ${problem}.`);
}

/** @throws HoldfastError `invalid-tenant` */
export function checkTenant(value: unknown): asserts value is string {
  // A pattern takes `undefined` for the text "undefined", which would be everybody's tenant who has none.
  if (typeof value !== "string" || !tenant.test(value)) {
    throw new HoldfastError("invalid-tenant", `Tenant ${JSON.stringify(value)} is not 1 to 64 of a-z, 0-9 and hyphen.`);
  }
}
