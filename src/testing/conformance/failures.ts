import { deepEqual, equal } from "node:assert/strict";
import { deadLetterId, type FailureStore } from "../../core/broker/failures.ts";
import type { DeadLetter } from "../../core/delivery/port.ts";
import { cart, other, plain } from "./fixtures.ts";
import { at, consumer, failures, far, now, reason } from "./messages-fixtures.ts";

/** What a case asks of a store: `instances`: `open` gives another instance on the same store at each call. */
export type FailureNeed = "instances";

/** What a case runs with: a store of its own, empty at the start. */
export interface FailureContext {
  /** Called once per case; several times only by cases that need `instances`. */
  open(): Promise<FailureStore> | FailureStore;
}

/** One claim about every failure store. */
export interface FailureCase {
  /** The claim, in the present tense; unique in the suite. */
  readonly name: string;
  readonly needs?: readonly FailureNeed[];
  /** @throws AssertionError (`node:assert`) where the claim does not hold, or whatever the store threw. */
  run(context: FailureContext): Promise<void>;
}

type Letter = Omit<DeadLetter, "id">;

const two = "queue:two";

/** A dead letter about the n-th event of a record. */
const letterAt = (sequence: number, changes: Partial<Letter> = {}): Letter => ({
  ...at(sequence),
  consumer,
  created: now,
  failures,
  reason,
  ...changes,
});

/** A dead letter about a message of a queue. */
const message = (name: string, changes: Partial<Letter> = {}): Letter => ({
  consumer: two,
  name,
  body: `"${name}"`,
  created: now,
  failures,
  reason,
  ...changes,
});

async function buryAll(store: FailureStore, letters: readonly Letter[]): Promise<void> {
  for (const letter of letters) await store.bury(letter);
}

/** All of them, without what was never given. */
async function deadOf(store: FailureStore, of?: string): Promise<readonly DeadLetter[]> {
  return plain(await store.dead({ limit: 1_000, ...(of !== undefined && { consumer: of }) }));
}

/** As they are to be listed. */
function listed(letters: readonly Letter[]): readonly DeadLetter[] {
  const numbered = letters.map((letter): DeadLetter => ({ ...letter, id: deadLetterId(letter) }));
  return plain(numbered.toSorted((a, b) => a.id - b.id));
}

const kinds: readonly (readonly [what: string, letter: Letter])[] = [
  ["an event", letterAt(1)],
  ["an event of a replay with new keys", letterAt(1, { again: "0123456789abcdefghij" })],
  ["a message between entities", letterAt(2, { consumer: "sends" })],
  ["an entity's timer", { consumer: "timers", stream: cart, name: "reminder", created: now, failures, reason }],
  ["a worker's message", message("row 7", { attributes: '{"sheet":"spring"}' })],
  ["a worker's message that is empty", message("empty", { body: "" })],
  ["a tick", { consumer: "timer:nightly", body: '{"tick":1767225600000}', created: now, failures, reason }],
  ["a record that cannot be relayed", letterAt(3, { consumer: "relay" })],
  ["one without a stack", letterAt(4, { reason: { code: "bad", message: "" } })],
  ["one that was no attempt", letterAt(5, { failures: { attempts: 0, since: 0 } })],
];

/**
 * The specification of the port `FailureStore` as cases: data, for whichever test runner.
 * Source: `src/core/broker/failures.ts`; every sentence of it has a case.
 */
export const failureConformance: readonly FailureCase[] = [
  {
    name: "failures: a message that never failed has none",
    async run({ open }) {
      const store = await open();
      equal(await store.failures(consumer, "m1"), undefined);
      await store.saveFailures(consumer, "m1", failures, far);
      equal(await store.failures(consumer, "m2"), undefined);
      equal(await store.failures(two, "m1"), undefined);
    },
  },
  {
    name: "failures: what was saved last is found, of each message at each consumer",
    async run({ open }) {
      const store = await open();
      const ids = ["m1", "m2", "M1", "5fea7756-0ea4-451a-a703-a558b933e274", "~".repeat(128)];
      for (const attempts of [0, 1, 99]) {
        const of = (i: number) => ({ attempts: attempts + i, since: now + i });
        for (const [i, id] of ids.entries()) {
          await store.saveFailures(consumer, id, of(i), far);
          await store.saveFailures(two, id, of(i + 100), far);
        }
        for (const [i, id] of ids.entries()) {
          deepEqual(plain(await store.failures(consumer, id)), of(i), id);
          deepEqual(plain(await store.failures(two, id)), of(i + 100), id);
        }
      }
    },
  },
  {
    name: "failures: counts are no dead letters, and dead letters no counts",
    async run({ open }) {
      const store = await open();
      await store.saveFailures(consumer, "m1", failures, far);
      deepEqual(await deadOf(store), []);
      const letter = letterAt(1);
      await store.bury(letter);
      equal(await store.failures(consumer, String(deadLetterId(letter))), undefined);
      await store.drop([deadLetterId(letter)]);
      deepEqual(plain(await store.failures(consumer, "m1")), failures);
    },
  },
  {
    name: "bury: a dead letter of each kind is found as it was given, under the number of what it is about",
    async run({ open }) {
      const store = await open();
      for (const [what, letter] of kinds) {
        await store.bury(letter);
        const id = deadLetterId(letter);
        deepEqual(plain(await store.dead({ after: id - 1, limit: 1 })), listed([letter]), what);
      }
      deepEqual(await deadOf(store), listed(kinds.map(([, letter]) => letter)));
    },
  },
  {
    name: "bury: once more with the same time, or an earlier one, changes nothing, whatever is said the second time",
    async run({ open }) {
      const store = await open();
      const letters = kinds.map(([, letter]) => letter);
      await buryAll(store, letters);
      const others = { failures: { attempts: 9, since: now }, reason: { code: "other", message: "x" } };
      for (const letter of letters) {
        await store.bury({ ...letter, ...others });
        await store.bury({ ...letter, ...others, created: letter.created - 1 });
      }
      deepEqual(await deadOf(store), listed(letters));
    },
  },
  {
    name: "bury: what has died again stands as it died last",
    async run({ open }) {
      const store = await open();
      const letters = kinds.map(([, letter]) => letter);
      await buryAll(store, letters);
      const later = {
        created: now + 1,
        failures: { attempts: 9, since: now },
        reason: { code: "other", message: "x" },
      };
      const again = letters.map((letter) => ({ ...letter, ...later }));
      await buryAll(store, again);
      deepEqual(await deadOf(store), listed(again));
    },
  },
  {
    name: "drop: up to a time leaves what has died since",
    async run({ open }) {
      const store = await open();
      const [old, young] = [letterAt(1), letterAt(2, { created: now + 1 })];
      await buryAll(store, [old, young]);
      const ids = listed([old, young]).map(({ id }) => id);
      equal(await store.drop(ids, now - 1), 0);
      equal(await store.drop(ids, now), 1);
      deepEqual(await deadOf(store), listed([young]));
      equal(await store.drop(ids, now + 1), 1);
    },
  },
  {
    name: "bury: of many at once all are there, and of the same ones at once one each",
    async run({ open }) {
      const store = await open();
      const letters = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? letterAt(i + 1) : message(`m${i}`)));
      await Promise.all([...letters, ...letters].map((letter) => store.bury(letter)));
      deepEqual(await deadOf(store), listed(letters));
    },
  },
  {
    name: "bury: what was dropped can be given up again, with what is said then",
    async run({ open }) {
      const store = await open();
      const letter = letterAt(1);
      await store.bury(letter);
      equal(await store.drop([deadLetterId(letter)]), 1);
      const again = { ...letter, created: now + 1, reason: { code: "other", message: "It is bad still." } };
      await store.bury(again);
      deepEqual(await deadOf(store), listed([again]));
    },
  },
  {
    name: "bury: a message of 256 KiB, the longest reason and the longest names fit",
    async run({ open }) {
      const store = await open();
      const long = { code: "c".repeat(64), message: "é".repeat(1_000), stack: "字".repeat(4_000) };
      const stream = { tenant: "t".repeat(64), entity: "e".repeat(40), id: "ü".repeat(128) };
      // What deflates well, and what does not.
      const noise = Array.from({ length: 60_000 }, (_, i) => 33 + ((i * i * 31 + (i >> 3)) % 90));
      const bodies = [`"${"字".repeat(87_000)}"`, String.fromCharCode(...noise).repeat(4)];
      const quotes = JSON.stringify({ quoted: '"\\'.repeat(100_000) });
      const letters = [
        letterAt(Number.MAX_SAFE_INTEGER, {
          stream,
          consumer: `subscription:${"s".repeat(40)}`,
          reason: long,
          n: 99_999,
        }),
        ...bodies.map((body, i) => message("n".repeat(127) + String(i), { body, reason: long })),
        message("all in attributes", { body: "", attributes: quotes, reason: long }),
      ];
      await buryAll(store, letters);
      deepEqual(await deadOf(store), listed(letters));
    },
  },
  {
    name: "bury: any text fits, that of half a character too",
    async run({ open }) {
      const store = await open();
      const text = "\u0000\u001b[31m\ud83d\ude00\ufffe\r\n\ud83d|\ude00";
      await store.bury(message("m", { body: text, reason: { code: "x", message: text, stack: text } }));
      const [letter] = await deadOf(store);
      for (const found of [letter?.body, letter?.reason.message, letter?.reason.stack]) {
        // Half a character has no UTF-8: a store may keep what stands for it.
        equal(found?.toWellFormed(), text.toWellFormed());
      }
    },
  },
  {
    name: "dead: lists in ascending order of numbers, in pages, of one consumer or of all",
    async run({ open }) {
      const store = await open();
      const letters = Array.from({ length: 7 }, (_, i) => (i % 3 === 2 ? message(`m${i}`) : letterAt(i + 1)));
      await buryAll(store, letters);
      for (const which of [undefined, consumer, two, "subscription:none", "subscription"]) {
        const expected = listed(letters.filter((letter) => letter.consumer === (which ?? letter.consumer)));
        for (const limit of [1, 2, 3, 7, 8]) {
          const seen: DeadLetter[] = [];
          for (let after = 0; seen.length <= 7; ) {
            const page = await store.dead({ limit, after, ...(which !== undefined && { consumer: which }) });
            equal(page.length <= limit, true);
            const last = page.at(-1);
            if (last === undefined) break;
            equal(page.length, Math.min(limit, expected.length - seen.length), "a page that is not the last is full");
            seen.push(...page);
            after = last.id;
          }
          deepEqual(plain(seen), expected, `${which ?? "all"}, pages of ${limit}`);
        }
      }
    },
  },
  {
    name: "dead: what lies behind more than a megabyte of other consumers' is found",
    async run({ open }) {
      const store = await open();
      const body = "x".repeat(200_000);
      const others = Array.from({ length: 8 }, (_, i) => message(`m${i}`, { body }));
      const wanted = Array.from({ length: 8 }, (_, i) => letterAt(i + 1));
      await buryAll(store, [...others, ...wanted]);
      deepEqual(await deadOf(store, consumer), listed(wanted));
      deepEqual(plain(await store.dead({ consumer, limit: 3 })), listed(wanted).slice(0, 3));
      deepEqual(await deadOf(store), listed([...others, ...wanted]));
    },
  },
  {
    name: "drop: removes dead letters for good and nothing else, and counts those that were there",
    async run({ open }) {
      const store = await open();
      const letters = kinds.map(([, letter]) => letter);
      await buryAll(store, letters);
      const [first, second, ...rest] = listed(letters);
      const ids = [first?.id ?? 0, second?.id ?? 0];
      equal(await store.drop([...ids, ids[0] ?? 0, 987_654, 0, -1, 1.5]), 2);
      equal(await store.drop(ids), 0);
      equal(await store.drop([]), 0);
      deepEqual(await deadOf(store), rest);
    },
  },
  {
    name: "drop: many at once are all gone",
    async run({ open }) {
      const store = await open();
      const letters = Array.from({ length: 40 }, (_, i) => letterAt(i + 1));
      await buryAll(store, letters);
      equal(await store.drop(listed(letters).map(({ id }) => id)), 40);
      deepEqual(await deadOf(store), []);
    },
  },
  {
    name: "blank: takes the reasons of the stream's dead letters, and nothing of others",
    async run({ open }) {
      const store = await open();
      // Another id in front of it, another tenant, and one that begins like it.
      const near = [other, { ...cart, tenant: "t-2" }, { ...cart, id: `${cart.id}x` }, { ...cart, entity: "order" }];
      const others = near.map((stream) => letterAt(1, { stream }));
      const erased = kinds.map(([, letter]) => letter);
      await buryAll(store, [...erased, ...others]);
      await store.blank(cart);
      const blanked = erased.map((letter) =>
        letter.stream ? { ...letter, reason: { code: "erased", message: "" } } : letter,
      );
      deepEqual(await deadOf(store), listed([...blanked, ...others]));
    },
  },
  {
    name: "blank: what it has taken does not come back when the same is buried once more",
    async run({ open }) {
      const store = await open();
      const letter = letterAt(1);
      await store.bury(letter);
      await store.blank(cart);
      await store.bury(letter);
      await store.blank(cart);
      deepEqual(await deadOf(store), listed([{ ...letter, reason: { code: "erased", message: "" } }]));
      equal(await store.drop([deadLetterId(letter)]), 1);
      await store.blank(cart);
      deepEqual(await deadOf(store), []);
    },
  },
  {
    name: "instances: what one has written the other finds at once",
    needs: ["instances"],
    async run({ open }) {
      const [one, another] = [await open(), await open()];
      await one.saveFailures(consumer, "m1", failures, far);
      deepEqual(plain(await another.failures(consumer, "m1")), failures);
      const letter = letterAt(1);
      await one.bury(letter);
      deepEqual(await deadOf(another), listed([letter]));
      await another.blank(cart);
      equal((await deadOf(one))[0]?.reason.code, "erased");
      equal(await another.drop([deadLetterId(letter)]), 1);
      deepEqual(await deadOf(one), []);
    },
  },
];
