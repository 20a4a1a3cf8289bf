import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkId } from "../../../src/core/entity/names.ts";
import { digest, fingerprint, formatKey, keySkewMaxMs, parseKey } from "../../../src/core/journal/keys.ts";
import { checkInput } from "../../../src/core/json.ts";
import { derivedKey } from "../../../src/core/messaging/handler.ts";
import { hostileText, json, runs } from "../fuzz.ts";

const now = 1_767_225_600_000;
const ownId = fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/);
const origin = fc.constantFrom("foreign", "derived");
const printable = fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 });
const anyKey = fc.oneof(
  hostileText,
  printable,
  fc
    .tuple(fc.constantFrom("hf1", "hd1", "HF1", "hf2", "hf1 "), hostileText, hostileText)
    .map((parts) => parts.join(".")),
  fc.tuple(fc.constantFrom(254, 255, 256), fc.constantFrom("x", "\u00e9")).map(([n, char]) => char.repeat(n)),
);

/** As docs/format.md has it, by another library's function. */
const sha = (text: string): string => createHash("sha256").update(text, "utf8").digest("base64url");

const isKey = (text: string): boolean => /^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$/.test(text);

describe("a key", () => {
  test("is one if and only if it is 1 to 255 printable ASCII characters without blanks around, of any form", () => {
    const seen = { keys: 0, others: 0 };
    fc.assert(
      fc.property(anyKey, origin, (text, origin) => {
        const born = /^hf1\.(\d{1,15})\.[A-Za-z0-9_-]{1,200}$/.exec(text)?.[1];
        const isAhead = born !== undefined && Number(born) > now + keySkewMaxMs;
        if (!isKey(text) || (isAhead && origin === "foreign")) {
          seen.others++;
          const refusal = expect.objectContaining({ code: "invalid-idempotency-key" });
          expect(() => parseKey(text, origin, now)).toThrowError(refusal);
          return;
        }
        seen.keys++;
        expect(parseKey(text, origin, now)).toEqual({
          text,
          origin,
          born: born === undefined ? undefined : Number(born),
          hash: sha(`${origin}\0${text}`).slice(0, 22),
        });
      }),
      runs(3_000),
    );
    expect(seen.keys).toBeGreaterThan(500);
    expect(seen.others).toBeGreaterThan(500);
  });

  test("of our own form comes back with its birth, up to five minutes ahead of the clock", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 * now }), ownId, (born, id) => {
        const text = formatKey(born, id);
        expect(parseKey(text, "derived", now).born).toBe(born);
        if (born <= now + keySkewMaxMs) expect(parseKey(text, "foreign", now)).toMatchObject({ text, born });
        else expect(() => parseKey(text, "foreign", now)).toThrowError("more than five minutes ahead");
      }),
      {
        ...runs(1_000),
        examples: [
          [now + keySkewMaxMs, "x"],
          [now + keySkewMaxMs + 1, "x"],
          [0, "-"],
        ],
      },
    );
  });

  test("that a caller sends never hashes as one that Holdfast has derived, whatever he writes", () => {
    const cause = fc.tuple(ownId, fc.option(fc.nat({ max: now }), { nil: undefined }), fc.array(hostileText));
    fc.assert(
      fc.property(anyKey, cause, (text, [id, born, parts]) => {
        const derived = parseKey(derivedKey({ id, born }, parts), "derived", now);
        for (const sent of [text, derived.text, `derived\0${derived.text}`, derived.hash]) {
          if (isKey(sent)) expect(parseKey(sent, "foreign", now).hash).not.toBe(derived.hash);
          else expect(() => parseKey(sent, "foreign", now)).toThrowError();
        }
      }),
      runs(1_000),
    );
  });

  test("and a fingerprint are hashed as docs/format.md says", () => {
    fc.assert(
      fc.property(hostileText, json, (text, value) => {
        expect(digest(text)).toBe(sha(text).slice(0, 22));
        const input = checkInput(value);
        expect(fingerprint("add", undefined)).toBe(sha("add\0").slice(0, 22));
        if (typeof value !== "object") {
          expect(fingerprint("add", input)).toBe(sha(`add\0${JSON.stringify(value)}`).slice(0, 22));
        }
        expect(fingerprint("add", input)).toMatch(/^[A-Za-z0-9_-]{22}$/);
      }),
      runs(500),
    );
  });
});

interface Call {
  readonly cause: string;
  readonly born: number | undefined;
  readonly handler: string;
  readonly entity: string;
  readonly id: string;
  readonly command: string;
  readonly n: number;
  readonly again: string;
}

const name = fc.oneof(fc.constantFrom("a", "a-b", "ab", "send", "timer"), fc.stringMatching(/^[a-z][a-z0-9-]{0,5}$/));
const isId = (text: string): boolean => {
  try {
    checkId(text);
    return true;
  } catch {
    return false;
  }
};
const call: fc.Arbitrary<Call> = fc.record({
  // A worker's own function may make any text the key of a message.
  cause: fc.oneof(
    fc.tuple(name, hostileText).map(([queue, key]) => `${queue}/${key}`),
    fc.tuple(ownId, fc.integer({ min: 1, max: 12 })).map(([id, n]) => `${id}-${n}`),
    fc.tuple(name, name, hostileText).map(([a, b, c]) => `q/a\0worker:w\0${a}\0${c}\0${b}\x000\0`),
  ),
  born: fc.option(fc.constantFrom(1, 11, now), { nil: undefined }),
  handler: fc.tuple(fc.constantFrom("subscription:", "worker:", "timer:"), name).map((parts) => parts.join("")),
  entity: name,
  id: hostileText.filter(isId),
  command: name,
  n: fc.nat(12),
  again: fc.constantFrom("", "0123456789abcdefghij"),
});

const keyOf = ({ cause, born, handler, entity, id, command, n, again }: Call): string =>
  derivedKey({ id: cause, born }, [handler, `${entity}\0${id}\0${command}`, String(n), again]);

describe("a derived key", () => {
  test("is the same for the same call, and another one where a single part of it differs", () => {
    fc.assert(
      fc.property(
        call,
        call,
        fc.subarray(
          Object.keys({ cause: 0, born: 0, handler: 0, entity: 0, id: 0, command: 0, n: 0, again: 0 } satisfies Record<
            keyof Call,
            0
          >),
        ),
        (a, b, taken) => {
          // Between all of the other call and nothing of it.
          const mixed: Call = {
            ...a,
            ...Object.fromEntries(Object.entries(b).filter(([part]) => taken.includes(part))),
          };
          const isSame = Object.keys(a).every((part) => a[part as keyof Call] === mixed[part as keyof Call]);
          expect(keyOf(a) === keyOf(mixed)).toBe(isSame);
          const [time, digest] = keyOf(mixed)
            .split(".")
            .slice(mixed.born === undefined ? 0 : 1);
          expect(time).toBe(mixed.born === undefined ? "hd1" : String(mixed.born));
          expect(digest).toMatch(/^[A-Za-z0-9_-]{32}$/);
          expect(parseKey(keyOf(mixed), "derived", now).born).toBe(mixed.born);
        },
      ),
      runs(2_000),
    );
  });

  test("is another one wherever the same characters belong to other parts", () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom("a", "1", "-", ":", "/", "."), maxLength: 3 }), {
      minLength: 2,
      maxLength: 7,
    });
    fc.assert(
      fc.property(texts, texts, (a, widths) => {
        // The same text, cut elsewhere.
        const whole = a.join("");
        let at = 0;
        const b = widths.map(({ length }, i) =>
          whole.slice(at, (at += i === widths.length - 1 ? whole.length : length)),
        );
        const [one, two] = [a, b].map(([id = "", ...parts]) => derivedKey({ id, born: 1 }, parts));
        expect(one === two).toBe(a.length === b.length && a.every((text, i) => text === b[i]));
      }),
      {
        ...runs(500),
        examples: [
          [
            ["a", "1"],
            ["a1", ""],
          ],
        ],
      },
    );
  });

  test("of a call is never that of a send or of a timer", () => {
    fc.assert(
      fc.property(call, (a) => {
        for (const [text, word] of [
          ["m1", "send"],
          ["t1", "timer"],
        ] as const) {
          for (const cause of [a.cause, `${a.cause}-${text}`]) {
            expect(derivedKey({ id: cause, born: a.born }, [word])).not.toBe(keyOf(a));
            expect(derivedKey({ id: cause, born: a.born }, [word])).not.toBe(keyOf({ ...a, cause }));
          }
        }
      }),
      runs(500),
    );
  });
});
