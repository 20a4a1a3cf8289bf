import fc from "fast-check";
import { reports, reportsOf } from "holdfast";
import { expect, test } from "vitest";
import { hostileText, runs } from "../fuzz.ts";

const { count, all, any, atLeast } = reports("of", { by: "child" });

/** Children, and reports of them and of strangers, some of them more than once. */
const stories = fc.uniqueArray(hostileText, { minLength: 1, maxLength: 6 }).chain((children) =>
  fc.record({
    children: fc.constant(children),
    heard: fc.array(fc.oneof(fc.constantFrom(...children), hostileText), { maxLength: 20 }),
  }),
);

const fold = (children: readonly string[], heard: readonly string[]) =>
  heard.reduce((data, child) => count(data, { child }), { of: reportsOf(children) });

test("any order and any duplicates of reports have the same end", () => {
  fc.assert(
    fc.property(
      stories.chain((story) =>
        fc.tuple(
          fc.constant(story),
          fc.shuffledSubarray([...story.heard, ...story.heard], { minLength: 2 * story.heard.length }),
          fc.shuffledSubarray([...story.children], { minLength: story.children.length }),
        ),
      ),
      ([{ children, heard }, again, shuffled]) => {
        expect(JSON.stringify(fold(shuffled, again))).toBe(JSON.stringify(fold(children, heard)));
      },
    ),
    runs(300),
  );
});

test("each child is missing or has reported, and guards count as a set does", () => {
  fc.assert(
    fc.property(stories, fc.integer({ min: 1, max: 7 }), ({ children, heard }, k) => {
      const set = new Set<string>();
      let data = { of: reportsOf(children) };
      for (const child of heard) {
        const isNews = children.includes(child) && !set.has(child);
        if (isNews) set.add(child);
        expect(any(data, { child })).toBe(isNews);
        expect(all(data, { child })).toBe(isNews && set.size === children.length);
        expect(atLeast(k)(data, { child })).toBe(isNews && set.size >= k);
        data = count(data, { child });
        expect([...data.of.missing, ...data.of.reported].toSorted()).toEqual(children.toSorted());
        expect(data.of.reported).toEqual([...set].toSorted());
      }
    }),
    runs(300),
  );
});
