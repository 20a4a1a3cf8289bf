import { declarationError } from "./entity/names.ts";

/** Of each whole number that an option may be: least, default, most. */
export type Bounds<Name extends string = string> = {
  readonly [N in Name]: readonly [least: number, normal: number, most: number];
};

/** The numbers of an option object, with their defaults. @throws HoldfastError `invalid-declaration` for one that is out of bounds */
export function boundedNumbers<Name extends string>(
  what: string,
  bounds: Bounds<Name>,
  options: { readonly [N in Name]?: number },
): { readonly [N in Name]: number } {
  const numbers: { [name: string]: number } = {};
  for (const name of Object.keys(bounds) as Name[]) {
    const [least, normal, most] = bounds[name];
    const value: unknown = options[name] ?? normal;
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
      throw declarationError(`${name} of ${what} is ${String(value)}; it must be a whole number, ${least} to ${most}.`);
    }
    numbers[name] = value as number;
  }
  // Filled from the same keys.
  return numbers as { readonly [N in Name]: number };
}
