import type { Truth, Value } from "./logic.ts";

type Piece = "any" | "one" | { readonly literal: string };

function pieces(pattern: string, escape: string | undefined): readonly Piece[] {
  const found: Piece[] = [];
  const characters = [...pattern];
  for (let index = 0; index < characters.length; index++) {
    const character = characters[index] ?? "";
    const escaped = character === escape ? characters[index + 1] : undefined;
    if (escaped !== undefined) {
      found.push({ literal: escaped });
      index++;
    } else if (character === "%") found.push("any");
    else found.push(character === "_" ? "one" : { literal: character });
  }
  return found;
}

/**
 * `text LIKE pattern ESCAPE escape`: `%` is any text, `_` is one character, and either is itself behind `escape`. It takes
 * at most the product of both lengths, whatever the pattern. Unknown unless all are strings and `escape` is one character.
 */
export function like(text: Value, pattern: Value, escape?: Value): Truth {
  if (typeof text !== "string" || typeof pattern !== "string") return undefined;
  if (escape !== undefined && (typeof escape !== "string" || [...escape].length !== 1)) return undefined;
  const wanted = pieces(pattern, escape);
  const given = [...text];
  let at = 0;
  let piece = 0;
  // Where to go on from when what follows the last "%" does not fit here.
  let retry: { at: number; readonly piece: number } | undefined;
  while (at < given.length) {
    const current = wanted[piece];
    if (current === "any") retry = { at, piece: ++piece };
    else if (current === "one" || (current !== undefined && current.literal === given[at])) {
      at++;
      piece++;
    } else if (retry) {
      at = ++retry.at;
      piece = retry.piece;
    } else return false;
  }
  return wanted.slice(piece).every((rest) => rest === "any");
}
