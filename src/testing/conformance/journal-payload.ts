import { deepEqual, equal } from "node:assert/strict";
import type { StoredRecord } from "../../core/journal/port.ts";
import type { JournalCase } from "./case.ts";
import { cart, plain, recordAt, showsRecords, store } from "./fixtures.ts";

const recordBytesMax = 200 * 1_024;

/** JSON text of exactly 200 KiB of UTF-8, made of `character`. */
function fullEntries(character: string): string {
  const bytes = Buffer.byteLength(character);
  const room = recordBytesMax - 4;
  const text = character.repeat(Math.floor(room / bytes)) + "x".repeat(room % bytes);
  return JSON.stringify([text]);
}

const texts: readonly string[] = [
  "\u0000\u0001\u001f\u007f\u0080\u009f",
  "\"quotes\", 'quotes', \\backslashes\\ and `ticks`",
  "é e\u0301 Å A\u030a ﬁ ß ı İ",
  "\u2028 \u2029 \ufeff \ufffd \ufffe \uffff \u200b \u202e",
  "日本語 עברית العربية हिन्दी ไทย",
  "👩‍👩‍👧‍👦 🏳️‍🌈 \u{10000} \u{10ffff}",
  "'; DROP TABLE records; -- %s ${x} {{y}} <z> &amp; \r\n\t",
  "\ud800 alone, \udfff alone",
];

/** What comes back is what was stored, to the character. */
export const payloadCases: readonly JournalCase[] = [
  {
    name: "record: every field of the header comes back as it was",
    async run({ open }) {
      const journal = await open();
      const records: readonly StoredRecord[] = [
        recordAt(1, { id: "0123456789abcdefghij", previous: "", time: 0, version: 0 }),
        recordAt(2, { id: "klmnopqrstuv01234567", previous: "0123456789abcdefghij", time: 1, version: 0 }),
        recordAt(3, { id: "00000000000000000000", previous: "klmnopqrstuv01234567", time: 1, version: 2 ** 31 }),
        recordAt(4, { id: "12345678901234567890", previous: "00000000000000000000", time: 2 ** 32, version: 2 ** 33 }),
        recordAt(5, {
          id: "1e100000000000000000",
          previous: "12345678901234567890",
          time: 8_640_000_000_000_000,
          version: Number.MAX_SAFE_INTEGER,
        }),
      ];
      await store(journal, cart, records);
      await showsRecords(journal, cart, records);
    },
  },
  {
    name: "record: entries of 200 KiB come back as they were, whatever characters they are made of",
    async run({ open }) {
      const journal = await open();
      const records = ["a", "é", "漢", "🧺"].map((character, i) =>
        recordAt(i + 1, { entries: fullEntries(character) }),
      );
      for (const { entries } of records) equal(Buffer.byteLength(entries), recordBytesMax);
      await store(journal, cart, records);
      await showsRecords(journal, cart, records);
    },
  },
  {
    name: "record: entries hold any Unicode",
    async run({ open }) {
      const journal = await open();
      const records = texts.map((text, i) => recordAt(i + 1, { entries: JSON.stringify([{ [text]: text }]) }));
      await store(journal, cart, records);
      await showsRecords(journal, cart, records);
    },
  },
  {
    name: "record: entries are text, kept to the character and not understood",
    async run({ open }) {
      const journal = await open();
      const entries = [
        '[ {"b" : 1,\n\t"a": 1.0, "a": 2} ]',
        '[{"id":"\\u00e9\\/","n":1e400,"big":12345678901234567890}]',
        '[{"__proto__":{"x":1},"constructor":null}]',
      ];
      const records = entries.map((text, i) => recordAt(i + 1, { entries: text }));
      await store(journal, cart, records);
      await showsRecords(journal, cart, records);
    },
  },
  {
    name: "record: what the caller does to an append after it was answered does not reach the store",
    async run({ open }) {
      const journal = await open();
      // Typed as readonly; a caller in JavaScript is not held by that.
      const record = { ...recordAt(1) } as { entries: string; time: number };
      await journal.append({ stream: cart, record: record as StoredRecord });
      record.entries = '["changed"]';
      record.time = 0;
      await showsRecords(journal, cart, [recordAt(1)]);
    },
  },
  {
    name: "load: gives the whole stream where that is larger than a page of the store",
    async run({ open }) {
      const journal = await open();
      const large = Array.from({ length: 24 }, (_, i) => recordAt(i + 1, { entries: fullEntries("é") }));
      await store(journal, cart, large);
      deepEqual(plain(await journal.load(cart)), { records: large });
      deepEqual(plain(await journal.load(cart, 2)), { records: large.slice(2) });
      deepEqual(plain(await journal.history(cart, { after: 0, limit: 24 })), large);
    },
  },
];
