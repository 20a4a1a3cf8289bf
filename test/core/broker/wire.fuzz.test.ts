import fc from "fast-check";
import { isHoldfastError } from "holdfast";
import { expect, test } from "vitest";
import { checkId } from "../../../src/core/entity/names.ts";
import { readReference, readTimer, referenceBody, tickMessageBody, timerBody } from "../../../src/core/broker/wire.ts";
import { hostileText, json, runs } from "../fuzz.ts";

const id = hostileText.filter((text) => {
  try {
    checkId(text);
    return true;
  } catch {
    return false;
  }
});
const name = fc
  .stringMatching(/^[a-zA-Z][a-zA-Z0-9-]{0,39}$/)
  .filter(
    (text) =>
      !/^(events|signals|then|tojson|constructor|valueof|tostring|hasownproperty|isprototypeof|propertyisenumerable|tolocalestring)$/i.test(
        text,
      ),
  );
const stream = fc.record({ tenant: fc.stringMatching(/^[a-z0-9-]{1,64}$/), entity: name, id });
const sequence = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test("a reference comes back as it was written", () => {
  const again = fc.option(fc.stringMatching(/^[0-9a-v]{20}$/), { nil: undefined });
  fc.assert(
    fc.property(stream, sequence, fc.integer({ min: 1, max: 99_999 }), again, (stream, sequence, n, again) => {
      const reference = { stream, sequence, n, ...(again !== undefined && { again }) };
      expect(readReference(referenceBody(reference))).toEqual(reference);
    }),
    runs(1_000),
  );
});

test("a timer and a tick come back as they were written", () => {
  fc.assert(
    fc.property(stream, name, fc.integer({ min: 0, max: 8.64e15 }), (stream, name, tick) => {
      expect(readTimer(timerBody({ stream, name }))).toEqual({ stream, name });
      expect(readTimer(tickMessageBody(name, tick))).toEqual({ timer: name, at: tick, isTick: true });
    }),
    runs(1_000),
  );
});

test("a schedule's message is a tick of its time", () => {
  expect(readTimer('{"timer":"sweep","at":"2026-01-01T03:00:00Z"}')).toEqual({
    timer: "sweep",
    at: Date.parse("2026-01-01T03:00:00Z"),
    isTick: false,
  });
});

test("whatever else comes is refused as malformed, and nothing else happens", () => {
  const fields = fc.record(
    {
      source: fc.oneof(hostileText, fc.constant("/default/cart"), json),
      subject: fc.oneof(hostileText, json),
      record: fc.oneof(hostileText, fc.constant("1/1"), json),
      timer: json,
      at: json,
      again: json,
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof(
    hostileText,
    json.map((value) => JSON.stringify(value)),
    fields.map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(body, (body) => {
      for (const read of [readReference, readTimer]) {
        try {
          read(body);
        } catch (error) {
          expect(isHoldfastError(error, "malformed-message"), String(error)).toBe(true);
          expect(isHoldfastError(error) && error.retry).toBe("never");
        }
      }
    }),
    runs(3_000),
  );
});
