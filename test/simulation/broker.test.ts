import { accept, holdfast, isHoldfastError, on } from "holdfast";
import { createBrokerTarget, defaultFaults, simulate, type Faults, type SimulationFailure } from "holdfast/simulation";
import { expect, test } from "vitest";
import * as z from "zod";

const h = holdfast<{ readonly seen: string[] }>();
const note = h
  .entity("note", { initial: () => 0, events: { written: z.object({}) }, evolve: { written: (count) => count + 1 } })
  .command("write", { decide: (_count, _input, { events }) => accept(events.written({})) });
const listens = h.subscription("listens", {
  to: [on(note.events.written)],
  handle: ({ subject, version }, { services }) => void services.seen.push(`${subject} ${version}`),
});
const app = h.app({ entities: [note], subscriptions: [listens] });

// The same names.
const none = Object.fromEntries(Object.keys(defaultFaults).map((name) => [name, 0])) as unknown as Faults;
const world = {
  target: createBrokerTarget,
  clients: 4,
  steps: 3,
  outside: (): string[] => [],
  services: (seen: string[]) => ({ seen }),
  step: ({ call, pick }: Parameters<Parameters<typeof simulate>[1]["step"]>[0]) => call(note, pick(["a", "b"])).write(),
  invariants: {
    "each event is handled once": ({ outside }: { readonly outside: readonly string[] }) =>
      new Set(outside).size === outside.length,
  },
};

test("where nothing fails, a broker hands each message out once", async () => {
  const report = await simulate(app, { ...world, seeds: 5, faults: "none" });
  expect(report.handled).toBe(report.entries);
  expect(report.entries).toBe(60);
});

test("a world over a broker fails as short as it can be made, and is shown again by what the failure names", async () => {
  const options = { ...world, seeds: 20, faults: { ...none, cut: 0.3 } };
  const details = async (work: Promise<unknown>): Promise<SimulationFailure> => {
    const error: unknown = await work.then(() => undefined).catch((thrown: unknown) => thrown);
    if (!isHoldfastError(error, "simulation-failed")) throw error;
    // What the failure says of itself.
    return error.details as SimulationFailure;
  };
  const failure = await details(simulate(app, options));
  // The answer about its batch was lost.
  expect(failure.replay).toMatch(/ broker\.subscription:listens#\d+ /);
  expect(failure.replay.split(" ").length).toBeLessThan(12);
  const { lines, violations } = await details(simulate(app, { ...options, replay: failure.replay }));
  expect([lines, violations]).toEqual([failure.lines, failure.violations]);
});
