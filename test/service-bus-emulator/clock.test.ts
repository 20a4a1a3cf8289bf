import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { realClock } from "../../packages/service-bus-emulator/clock.ts";
import { createManualClock } from "../../packages/service-bus-emulator/index.ts";

const dayMs = 86_400_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("this process's clock waits longer than a timer of Node can", () => {
  const task = vi.fn<() => void>();
  const start = realClock.now();
  realClock.after(40 * dayMs, task);
  vi.advanceTimersByTime(40 * dayMs - 1);
  expect(task).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(task).toHaveBeenCalledOnce();
  expect(realClock.now()).toBe(start + 40 * dayMs);
});

test("what is called off does not run, on either clock, also after a first part of the waiting", () => {
  const task = vi.fn<() => void>();
  const callOff = realClock.after(40 * dayMs, task);
  vi.advanceTimersByTime(30 * dayMs);
  callOff();
  callOff();
  vi.advanceTimersByTime(30 * dayMs);
  const clock = createManualClock(0);
  clock.after(5, task)();
  clock.advance(10);
  expect(task).not.toHaveBeenCalled();
});

test("a manual clock runs what falls due in the order of the times, each at its time, also what is added on the way", () => {
  const clock = createManualClock(1_000);
  const ran: (readonly [string, number])[] = [];
  const note = (name: string) => () => void ran.push([name, clock.now()]);
  clock.after(30, note("c"));
  clock.after(10, () => {
    note("a")();
    clock.after(10, note("b"));
    clock.after(1_000, note("never"));
  });
  clock.after(30, note("d"));
  clock.after(-5, note("now"));
  clock.advance(100);
  expect(ran).toEqual([
    ["now", 1_000],
    ["a", 1_010],
    ["b", 1_020],
    ["c", 1_030],
    ["d", 1_030],
  ]);
  expect(clock.now()).toBe(1_100);
});
