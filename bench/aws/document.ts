import { holdfast } from "holdfast";
import * as z from "zod";

const h = holdfast();

const section = z.object({ section: z.string(), text: z.string() });

/** A state of any size, of which a command changes a small part: 100 bytes or so. */
export interface Sections {
  readonly sections: { readonly [name: string]: string };
}

/** The change that a command makes, here and by hand. */
export function written({ sections }: Sections, change: { readonly section: string; readonly text: string }): Sections {
  return { sections: { ...sections, [change.section]: change.text } };
}

export const document = h
  .entity("document", {
    initial: (): Sections => ({ sections: {} }),
    events: { opened: z.object({ sections: z.record(z.string(), z.string()) }), written: section },
    evolve: { opened: (_, { sections }) => ({ sections }), written },
  })
  .command("open", {
    input: z.object({ sections: z.record(z.string(), z.string()) }),
    decide: (_, input, { events }) => events.opened(input),
  })
  .command("write", { input: section, decide: (_, input, { events }) => events.written(input) });

export const app = h.app({ entities: [document] });

const sectionBytes = 100;

/** A state of exactly so many bytes of JSON, 200 or more. */
export function stateOf(bytes: number): Sections {
  const sections: Record<string, string> = {};
  const count = Math.floor(bytes / sectionBytes) - 1;
  for (let i = 0; i < count; i++) sections[nameOf(i)] = textOf(i, 80);
  sections["rest"] = "";
  sections["rest"] = textOf(count, bytes - JSON.stringify({ sections }).length);
  return { sections };
}

/** What the `index`th command writes into a state of that size, which stays as large as it was. */
export function changeOf({ sections }: Sections, index: number): { readonly section: string; readonly text: string } {
  const name = nameOf(index % (Object.keys(sections).length - 1));
  return { section: name, text: textOf(index + 1, 80) };
}

function nameOf(index: number): string {
  return `section-${String(index).padStart(4, "0")}`;
}

const words =
  "anchor basin current depth estuary fathom glaze harbour inlet jetty kelp lagoon mooring narrows ocean pier quay reef shoal tide undertow vessel wake yard".split(
    " ",
  );

/** As many characters of words, the same for the same index: text that deflates about as prose does. */
function textOf(index: number, characters: number): string {
  let text = "";
  for (let seed = index * 7_919 + 1; text.length < characters; ) {
    seed = (seed * 48_271) % 2_147_483_647;
    text += `${words[seed % words.length]} `;
  }
  return text.slice(0, characters);
}
