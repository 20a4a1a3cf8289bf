import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import {
  decodeEntries,
  decodeKeyPage,
  decodeSnapshot,
  encodeEntries,
  encodeEntry,
  encodeKeyPage,
  type Entry,
  type SnapshotBody,
} from "../../../src/core/journal/format.ts";
import type { StoredKey } from "../../../src/core/journal/port.ts";
import { hostileText, json, runs } from "../fuzz.ts";
import { damage } from "./damage.ts";

const id = fc.stringMatching(/^[0-9a-v]{20}$/);
const hash = fc.stringMatching(/^[A-Za-z0-9_-]{22}$/);
const time = fc.nat({ max: 8.64e15 });
const place = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const text = hostileText;

const event = fc.record(
  { type: text, v: fc.integer({ min: 1, max: 1_000 }), data: json },
  { requiredKeys: ["type", "data"] },
);
const message = fc.record(
  { entity: text, id: text, command: text, input: json },
  { requiredKeys: ["entity", "id", "command"] },
);
const timer = fc.oneof(
  fc.record({ name: text }),
  fc.record({ name: text, at: time, command: text, input: json }, { requiredKeys: ["name", "at", "command"] }),
);
const entry: fc.Arbitrary<Entry> = fc.record(
  {
    id,
    command: fc.oneof(text, fc.constant("$erase")),
    key: hash,
    derived: fc.constant(true as const),
    born: time,
    fp: hash,
    events: fc.array(event, { maxLength: 3 }),
    reply: json,
    rejected: fc.record(
      { code: text, message: text, status: fc.integer({ min: 400, max: 499 }) },
      { requiredKeys: ["code", "message"] },
    ),
    messages: fc.array(message, { maxLength: 2 }),
    timers: fc.array(timer, { maxLength: 2 }),
    correlation: text,
    causation: text,
    trace: text,
    principal: text,
  },
  { requiredKeys: ["id", "command"], noNullPrototype: true },
);

const range = fc.record({ from: place, to: place, oldest: time, newest: time, count: place });
const pending = fc.record(
  { at: time, command: text, generation: id, input: json, correlation: text, trace: text },
  { requiredKeys: ["at", "command", "generation"] },
);
const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,9}$/);
const body: fc.Arbitrary<SnapshotBody> = fc.record(
  {
    record: id,
    version: fc.nat(),
    time,
    state: json,
    keys: fc.record({ foreign: fc.array(range, { maxLength: 3 }), derived: fc.array(range, { maxLength: 3 }) }),
    timers: fc.dictionary(name, pending, { maxKeys: 2, noNullPrototype: true }),
    events: fc.dictionary(name, fc.integer({ min: 1, max: 1_000 }), { maxKeys: 3, noNullPrototype: true }),
    erased: fc.constant(true as const),
  },
  { requiredKeys: ["record", "version", "time", "state", "keys", "events"], noNullPrototype: true },
);
const keys: fc.Arbitrary<readonly StoredKey[]> = fc.array(fc.tuple(hash, place), { maxLength: 8 });

/** docs/format.md, once more and in another language. */
const anything = z.unknown().refine((value) => value !== undefined);
const seq = z.int().min(1);
const entriesShape = z.array(
  z.looseObject({
    id: z.string(),
    command: z.string(),
    key: z.string().optional(),
    derived: z.literal(true).optional(),
    born: z.number().optional(),
    fp: z.string().optional(),
    events: z.array(z.looseObject({ type: z.string(), v: seq.optional(), data: anything })).optional(),
    rejected: z.looseObject({ code: z.string(), message: z.string(), status: seq.optional() }).optional(),
    messages: z.array(z.looseObject({ entity: z.string(), id: z.string(), command: z.string() })).optional(),
    timers: z
      .array(z.looseObject({ name: z.string(), at: z.number().optional(), command: z.string().optional() }))
      .optional(),
    correlation: z.string().optional(),
    causation: z.string().optional(),
    trace: z.string().optional(),
    principal: z.union([z.string(), z.number()]).optional(),
  }),
);
const rangesShape = z.array(z.looseObject({ from: seq, to: seq, oldest: z.number(), newest: z.number(), count: seq }));
const bodyShape = z.looseObject({
  record: z.string(),
  version: z.int().min(0),
  time: z.number(),
  state: anything,
  keys: z.looseObject({ foreign: rangesShape, derived: rangesShape }),
  timers: z
    .record(z.string(), z.looseObject({ at: z.number(), command: z.string(), generation: z.string() }))
    .optional(),
  events: z.record(z.string(), seq).optional(),
  erased: z.literal(true).optional(),
});
const pageShape = z.array(z.tuple([z.string(), seq]));

const corrupt = { code: "journal-corrupt", retry: "never", message: expect.stringContaining("is not readable") };

interface Kind {
  readonly what: string;
  /** A text that was written, and the value that it was made of. */
  readonly written: fc.Arbitrary<readonly [text: string, value: unknown]>;
  readonly decode: (text: string) => unknown;
  readonly shape: z.ZodType;
}

const kinds: readonly Kind[] = [
  {
    what: "the entries of a record",
    written: fc.array(entry, { maxLength: 3 }).map((list) => [encodeEntries(list.map(encodeEntry)), list]),
    decode: (entries) => decodeEntries({ entries, sequence: 1 }),
    shape: entriesShape,
  },
  {
    what: "the body of a snapshot",
    written: body.map((body) => [JSON.stringify(body), body]),
    decode: (body) => decodeSnapshot({ body, sequence: 1 }),
    shape: bodyShape,
  },
  {
    what: "a page of keys",
    written: keys.map((keys) => [encodeKeyPage(keys), keys]),
    decode: decodeKeyPage,
    shape: pageShape,
  },
];

describe.each(kinds)("$what", ({ written, decode, shape }) => {
  test("is read as it was written", () => {
    fc.assert(
      fc.property(written, ([text, value]) => {
        expect(decode(text)).toEqual(value);
        expect(shape.safeParse(value).error).toBeUndefined();
      }),
      runs(600),
    );
  });

  test("is read as something of the format, or `journal-corrupt`, whatever has become of its text", () => {
    const seen = { read: 0, refused: 0 };
    fc.assert(
      fc.property(written, damage, ([text], damage) => {
        let value: unknown;
        try {
          value = decode(damage(text));
        } catch (error) {
          seen.refused++;
          expect(error).toMatchObject(corrupt);
          return;
        }
        seen.read++;
        expect(shape.safeParse(value).error).toBeUndefined();
      }),
      {
        ...runs(2_500),
        examples: [
          "5",
          "null",
          "{}",
          '"ab"',
          "[null]",
          '["a"]',
          "[[]]",
          '[{"id":1}]',
          '{"keys":{}}',
          '["a",1,"b"]',
        ].map((text) => [["", undefined], () => text] as [readonly [string, unknown], () => string]),
      },
    );
    expect(seen.read).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(500);
  });
});

test("fields that only newer code knows are let through, in entries and snapshots", () => {
  fc.assert(
    fc.property(entry, body, name, json, (entry, body, field, value) => {
      const added = { [`x-${field}`]: value };
      const entries = JSON.stringify([{ ...entry, ...added }]);
      expect(decodeEntries({ entries, sequence: 1 })).toEqual([{ ...entry, ...added }]);
      expect(decodeSnapshot({ body: JSON.stringify({ ...body, ...added }), sequence: 1 })).toEqual({
        ...body,
        ...added,
      });
    }),
    runs(200),
  );
});
