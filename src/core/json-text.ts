import { endOfString } from "./json-literals.ts";

/**
 * `JSON.parse`, also where V8's own reads names wrongly: it takes a name that is written with an escape (`"\n"`) for
 * `"\\"` if another text, of whomever, had an object with a member of that name before. Two values would be one, and what
 * is stored would not come back. Such texts are rare; they are read as lists of names and values, which have no names.
 * Source: https://github.com/nodejs/node/issues/63785 (V8 12.8 and later).
 * @throws SyntaxError
 */
export function readJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return hasEscapedName(text) ? folded(JSON.parse(asLists(text)), 0) : value;
}

/** Deeper than anything that is sent or stored may be; what lies deeper stays lists, and is refused for its depth. */
const levelsMax = 100;

function hasEscapedName(text: string): boolean {
  let escape = text.indexOf("\\");
  if (escape === -1) return false;
  for (let start = text.indexOf('"'); start !== -1; ) {
    const end = endOfString(text, start);
    if (escape < start) escape = text.indexOf("\\", start);
    if (escape === -1) return false;
    if (escape < end && text[afterSpace(text, end + 1)] === ":") return true;
    start = text.indexOf('"', end + 1);
  }
  return false;
}

/** The place of the next character that is no white space. */
function afterSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** `{"a":[1]}` as `[1,"a",[0,1]]`: an object is a list that begins with 1, a list one that begins with 0. */
function asLists(text: string): string {
  let lists = "";
  let copied = 0;
  const replace = (at: number, by: string): void => {
    lists += text.slice(copied, at) + by;
    copied = at + 1;
  };
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === ":") replace(at, ",");
    else if (char === "}") replace(at, "]");
    else if (char === "{" || char === "[") {
      const next = text[afterSpace(text, at + 1)];
      replace(at, `[${char === "{" ? 1 : 0}${next === "}" || next === "]" ? "" : ","}`);
    }
  }
  return lists + text.slice(copied);
}

function folded(value: unknown, depth: number): unknown {
  if (!Array.isArray(value) || depth > levelsMax) return value;
  const [kind, ...items] = value as readonly unknown[];
  if (kind === 0) return items.map((item) => folded(item, depth + 1));
  const members: (readonly [string, unknown])[] = [];
  for (let i = 0; i < items.length; i += 2) members.push([String(items[i]), folded(items[i + 1], depth + 1)]);
  return Object.fromEntries(members);
}
