import { createMemoryFailures } from "holdfast/memory";
import { failureConformance, type FailureContext } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { deadLetterId } from "../../src/core/broker/failures.ts";
import { caught } from "./cases.ts";

type Store = ReturnType<typeof createMemoryFailures>;

/** The memory store with some methods replaced; the new ones get the sound store. */
const broken =
  (change: (sound: Store) => Partial<Store>): FailureContext["open"] =>
  () => {
    const sound = createMemoryFailures();
    return { ...sound, ...change(sound) };
  };

const mutants: Readonly<Record<string, FailureContext["open"]>> = {
  "forgets counts": broken(() => ({ saveFailures: async () => {} })),
  "keeps the first count": broken((sound) => ({
    async saveFailures(consumer, message, failures, expires) {
      if (!(await sound.failures(consumer, message))) await sound.saveFailures(consumer, message, failures, expires);
    },
  })),
  "counts for all consumers together": broken((sound) => ({
    failures: (_, message) => sound.failures("all", message),
    saveFailures: (_, ...rest) => sound.saveFailures("all", ...rest),
  })),
  "takes upper and lower case for the same": broken((sound) => ({
    failures: (consumer, message) => sound.failures(consumer, message.toLowerCase()),
    saveFailures: (consumer, message, ...rest) => sound.saveFailures(consumer, message.toLowerCase(), ...rest),
  })),
  "buries nothing": broken(() => ({ bury: async () => {} })),
  "lets every burial win": broken((sound) => ({
    async bury(letter) {
      await sound.drop([deadLetterId(letter)]);
      await sound.bury(letter);
    },
  })),
  "lets the first burial win": broken((sound) => ({
    async bury(letter) {
      const id = deadLetterId(letter);
      const [found] = await sound.dead({ after: id - 1, limit: 1 });
      if (found?.id !== id) await sound.bury(letter);
    },
  })),
  "drops what has died since": broken((sound) => ({ drop: (ids) => sound.drop(ids) })),
  "loses the stack": broken((sound) => ({
    bury: ({ reason: { stack: _stack, ...reason }, ...letter }) => sound.bury({ ...letter, reason }),
  })),
  "loses which replay it was": broken((sound) => ({ bury: ({ again: _again, ...letter }) => sound.bury(letter) })),
  "never buries again what was dropped": broken((sound) => {
    const known = new Set<string>();
    return {
      async bury(letter) {
        const about = JSON.stringify([letter.consumer, letter.stream, letter.sequence, letter.n, letter.name]);
        if (letter.created > 1_767_225_600_000 && known.has(about)) return;
        known.add(about);
        await sound.bury(letter);
      },
    };
  }),
  "cuts long bodies": broken((sound) => ({
    bury: (letter) => sound.bury({ ...letter, ...(letter.body && { body: letter.body.slice(0, 200_000) }) }),
  })),
  "lists all consumers": broken((sound) => ({
    dead: ({ consumer: _consumer, ...range }) => sound.dead(range),
  })),
  "goes on at the last of a page": broken((sound) => ({
    dead: ({ after = 0, ...query }) => sound.dead({ ...query, after: after - 1 }),
  })),
  "filters a page after it was read": broken((sound) => ({
    dead: async ({ consumer, ...range }) =>
      (await sound.dead(range)).filter((letter) => letter.consumer === (consumer ?? letter.consumer)),
  })),
  "lists the newest first": broken((sound) => ({
    dead: async (query) => (await sound.dead(query)).toReversed(),
  })),
  "drops nothing": broken(() => ({ drop: async (ids) => ids.length })),
  "counts what was not there": broken((sound) => ({
    async drop(ids) {
      await sound.drop(ids);
      return ids.length;
    },
  })),
  "drops the first only": broken((sound) => ({ drop: (ids) => sound.drop(ids.slice(0, 1)) })),
  "blanks nothing": broken(() => ({ blank: async () => {} })),
  "blanks the id in all tenants": broken((sound) => ({
    blank: async (stream) => {
      for (const tenant of ["default", "t-2"]) await sound.blank({ ...stream, tenant });
    },
  })),
  "drops what it is to blank": broken((sound) => ({
    async blank({ id }) {
      const letters = await sound.dead({ limit: 1_000 });
      await sound.drop(letters.filter((letter) => letter.stream?.id === id).map((letter) => letter.id));
    },
  })),
};

describe("the failure store suite catches a store that", () => {
  test.each(Object.entries(mutants))("%s", async (_, open) => {
    expect(await caught(failureConformance, [], () => ({ open }))).not.toEqual([]);
  });
});

test("the failure store suite finds nothing wrong with a sound store, and two that do not share one", async () => {
  expect(await caught(failureConformance, [], () => ({ open: createMemoryFailures }))).toEqual([]);
  const names = await caught(failureConformance, ["instances"], () => ({ open: createMemoryFailures }));
  expect(names).toEqual(failureConformance.filter(({ needs = [] }) => needs.includes("instances")).map((c) => c.name));
  expect(names).toHaveLength(1);
});

test("every case of the failure store suite has a name of its own", () => {
  const names = failureConformance.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});
