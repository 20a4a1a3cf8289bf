import fc from "fast-check";
import { expect, test } from "vitest";
import { checkId } from "../../../src/core/entity/names.ts";
import { encodeEntries, encodeEntry, type Entry } from "../../../src/core/journal/format.ts";
import { readJson } from "../../../src/core/json-text.ts";
import { checkInput } from "../../../src/core/json.ts";
import { envelopesOf, type Envelope } from "../../../src/core/messaging/envelope.ts";
import { hostileText, json, runs } from "../fuzz.ts";

const id = fc.stringMatching(/^[0-9a-v]{20}$/);
const name = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,8}$/);
/** Code points that Unicode keeps for nobody: an entity's id may hold them, a CloudEvents string may not. */
const noncharacter =
  /[\ufdd0-\ufdef\ufffe\uffff]|[\ud83f\ud87f\ud8bf\ud8ff\ud93f\ud97f\ud9bf\ud9ff\uda3f\uda7f\udabf\udaff\udb3f\udb7f\udbbf\udbff][\udffe\udfff]/;
const subject = hostileText.filter((text) => {
  try {
    checkId(text);
    return !noncharacter.test(text);
  } catch {
    return false;
  }
});
const printable = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 12 });
const trace = fc.constantFrom("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

const entry: fc.Arbitrary<Entry> = fc
  .record(
    {
      id,
      command: name,
      events: fc.array(
        fc.record(
          { type: name, v: fc.integer({ min: 1, max: 1_000 }), data: json },
          { requiredKeys: ["type", "data"] },
        ),
        { maxLength: 3 },
      ),
      correlation: printable,
      causation: printable,
      trace,
      principal: hostileText,
      reply: json,
    },
    { requiredKeys: ["id", "command"] },
  )
  // As the runtime stores it: normal JSON.
  .map((entry) => checkInput(entry) as unknown as Entry);

/** What CloudEvents 1.0.2 and its JSON format ask of an event; empty if nothing is wrong. */
function faults(text: string): readonly string[] {
  const event = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const { specversion, id, source, type, subject, time, datacontenttype, data: _data, ...extensions } = event;
  const wrong: string[] = [];
  const check = (holds: boolean, rule: string): void => void (holds || wrong.push(rule));
  // Source: spec.md, type system: no control characters, lone surrogates or noncharacters.
  const isString = (value: unknown): boolean =>
    // oxlint-disable-next-line no-control-regex -- the rule itself
    typeof value === "string" && value.isWellFormed() && !/[\0-\x1f\x7f-\x9f]/.test(value) && !noncharacter.test(value);
  const isFilled = (value: unknown): boolean => isString(value) && value !== "";
  check(specversion === "1.0", "specversion is 1.0");
  check(isFilled(id), "id is a string that is not empty");
  // Source: RFC 3986, path-absolute.
  check(
    /^\/(?:[\w.~!$&'()*+,;=:@-]|%[0-9A-F]{2})+(?:\/[\w.~!$&'()*+,;=:@-]+)*$/.test(String(source)),
    "source is a URI reference",
  );
  check(isFilled(type), "type is a string that is not empty");
  check(isFilled(subject), "subject is a string that is not empty");
  check(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(String(time)), "time is RFC 3339");
  check(datacontenttype === "application/json", "the data are JSON");
  check(!("data_base64" in event), "data stand once");
  for (const [name, value] of Object.entries(extensions)) {
    check(/^[a-z0-9]{1,20}$/.test(name), `${name} is lower case, 20 characters at most`);
    const isInteger = Number.isInteger(value) && Math.abs(value as number) < 2 ** 31;
    check(isString(value) || typeof value === "boolean" || isInteger, `${name} is of a type of CloudEvents`);
  }
  return wrong;
}

const stream = fc.record({ tenant: fc.stringMatching(/^[a-z0-9-]{1,64}$/), entity: name, id: subject });
const time = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });

test("every event of any record is CloudEvents 1.0 in JSON and has all that was stored of it", () => {
  let events = 0;
  fc.assert(
    fc.property(stream, fc.array(entry, { maxLength: 3 }), fc.nat(1_000), time, (stream, entries, before, time) => {
      const flat = entries.flatMap((entry) => (entry.events ?? []).map((event, i) => ({ entry, event, n: i + 1 })));
      const record = {
        sequence: 1,
        id: entries[0]?.id ?? "x",
        previous: "",
        time,
        version: before + flat.length,
        entries: encodeEntries(entries.map(encodeEntry)),
      };
      const envelopes = envelopesOf(stream, record);
      expect(envelopes.length).toBe(flat.length);
      for (const [i, { entry, event, n }] of flat.entries()) {
        events++;
        const text = JSON.stringify(envelopes[i]);
        expect(faults(text)).toEqual([]);
        const read = readJson(text) as Envelope;
        expect(read).toEqual(envelopes[i]);
        expect(read.data).toEqual(event.data);
        const [tenant, entity] = read.source.slice(1).split("/");
        expect({ tenant, entity, id: read.subject }).toEqual(stream);
        expect([read.id, read.type, read.version]).toEqual([
          `${entry.id}-${n}`,
          `${entity}.${event.type}`,
          before + i + 1,
        ]);
        expect([Date.parse(read.time), read.dataversion]).toEqual([time, event.v ?? 1]);
        expect([read.correlationid, read.causationid, read.traceparent]).toEqual([
          entry.correlation ?? entry.id,
          entry.causation,
          entry.trace,
        ]);
      }
      expect(new Set(envelopes.map(({ id }) => id)).size).toBe(
        new Set(flat.map(({ entry, n }) => `${entry.id}-${n}`)).size,
      );
    }),
    runs(800),
  );
  expect(events).toBeGreaterThan(500);
});

test("the checks find what is no CloudEvent", () => {
  const good = {
    specversion: "1.0",
    id: "1",
    source: "/t/e",
    type: "e.x",
    subject: "s",
    time: "2026-01-01T00:00:00Z",
    datacontenttype: "application/json",
  };
  expect(faults(JSON.stringify(good))).toEqual([]);
  const bad = [
    { specversion: "0.3" },
    { id: "" },
    { source: "a b" },
    { type: "" },
    { subject: "a\0" },
    { subject: "\ufffe" },
    { subject: "\u{1ffff}" },
    { time: "yesterday" },
    { Upper: "x" },
    { mapped: {} },
    { large: 2 ** 31 },
    { data_base64: "" },
  ];
  for (const part of bad) expect(faults(JSON.stringify({ ...good, ...part })), JSON.stringify(part)).not.toEqual([]);
});
