import { describe, expect, test } from "vitest";
import { createBacklog } from "../../../src/core/runtime/backlog.ts";
import { defaultLimits } from "../../../src/core/runtime/limits.ts";

/** A backlog by a clock that is set by hand. */
function start() {
  const clock = { ms: 1_000_000 };
  const backlog = createBacklog({ now: () => clock.ms }, defaultLimits);
  const refused = (queued = 0): unknown => {
    try {
      backlog.check(queued);
      return false;
    } catch (error) {
      return error;
    }
  };
  return { clock, backlog, refused };
}

/** A store that does 500 commands a second: 49 in the 100 ms since the oldest append began, and that one now. */
function slowStore() {
  const at = start();
  const ends = Array.from({ length: 50 }, () => at.backlog.append(1));
  at.clock.ms += 100;
  for (const end of ends.slice(1)) end();
  return at;
}

describe("what may wait for the store", () => {
  test("is as much as it finishes within storeWaitMs at its present speed", () => {
    const { backlog, refused } = slowStore();
    backlog.count(499);
    expect(refused()).toBe(false);
    backlog.count(1);
    expect(refused()).toMatchObject({ code: "overloaded", retry: "later", retryAfterMs: 1_000 });
  });

  test("is any number while the store's appends are quick", () => {
    const { clock, backlog, refused } = start();
    backlog.append(1);
    clock.ms += 99;
    backlog.count(4_000);
    expect(refused(1_023)).toBe(false);
  });

  test("is twice as much each second once no append is slow any more, up to any number", () => {
    const { clock, backlog, refused } = start();
    const ends = Array.from({ length: 50 }, () => backlog.append(1));
    clock.ms += 100;
    for (const end of ends.slice(1)) end();
    backlog.count(500);
    expect(refused()).toMatchObject({ code: "overloaded" });
    for (const end of ends) end();
    // Not at once: a rush that finds the queues empty would fill all places before the store's speed is known again.
    expect(refused()).toMatchObject({ code: "overloaded" });
    clock.ms += 1_000;
    backlog.count(499);
    expect(refused()).toBe(false);
    backlog.count(1);
    expect(refused()).toMatchObject({ code: "overloaded" });
    backlog.count(3_000);
    clock.ms += 3_000;
    expect(refused()).toBe(false);
  });

  test("is 63 others where nothing comes back from the store", () => {
    const { clock, backlog, refused } = start();
    backlog.append(1);
    clock.ms += 60_000;
    backlog.count(63);
    expect(refused()).toBe(false);
    backlog.count(1);
    expect(refused()).toMatchObject({ code: "overloaded" });
  });

  test("is not less because one append hangs beside quick ones", () => {
    const { clock, backlog, refused } = start();
    backlog.append(1);
    for (let i = 0; i < 5_000; i++) backlog.append(1)();
    clock.ms += 1_000;
    backlog.count(4_000);
    expect(refused()).toBe(false);
  });

  test("counts the commands of an append, not the append, and counts it once", () => {
    const { clock, backlog, refused } = start();
    backlog.append(1);
    const end = backlog.append(99);
    clock.ms += 1_000;
    end();
    end();
    backlog.count(99);
    expect(refused()).toBe(false);
    backlog.count(1);
    expect(refused()).toMatchObject({ code: "overloaded" });
  });

  test("is shared: one entity has a quarter of the places, however few there are", () => {
    const { backlog, refused } = slowStore();
    backlog.count(200);
    expect(refused(124)).toBe(false);
    expect(refused(125)).toMatchObject({ code: "overloaded" });
  });
});
