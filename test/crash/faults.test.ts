import { expect, test } from "vitest";
import { kinds, missing, planOf } from "./faults.ts";
import type { Ability } from "./target.ts";

const seeds = Array.from({ length: 60 }, (_, i) => i + 1);

test("one seed is one plan, seeds take turns with the kinds, and no two plans are the same", () => {
  const plans = seeds.map((seed) => planOf(seed, 250));
  expect(seeds.map((seed) => planOf(seed, 250))).toEqual(plans);
  expect(plans.slice(0, kinds.length).map(({ kind }) => kind)).toEqual(kinds);
  expect(new Set(plans.map(({ tracks }) => JSON.stringify(tracks))).size).toBe(seeds.length);
});

test("a process is stopped for longer than its lease, and every process is killed, stopped and without room at times", () => {
  const steps = seeds.flatMap((seed) => planOf(seed, 250).tracks.flat());
  const stops = steps.filter(({ kind }) => kind === "stop");
  expect(stops.length).toBeGreaterThan(20);
  for (const { lastsMs } of stops) expect(lastsMs).toBeGreaterThan(250);
  for (const kind of ["kill", "stop", "full"]) {
    const victims = steps.flatMap((step) => (step.kind === kind ? step.victims : []));
    expect(new Set(victims)).toEqual(new Set([0, 1]));
  }
});

test("processes of tracks that go on at the same time are not the same, but for the room that all share", () => {
  const storms = seeds.map((seed) => planOf(seed, 250)).filter(({ tracks }) => tracks.length > 1);
  expect(storms.length).toBeGreaterThan(5);
  for (const { tracks } of storms) {
    const [a = [], b = []] = tracks.map((track) =>
      track.flatMap(({ kind, victims }) => (kind === "full" ? [] : victims)),
    );
    expect(a.length * b.length).toBeGreaterThan(0);
    expect(a.filter((victim) => b.includes(victim))).toEqual([]);
  }
});

test("what a target cannot do is left out of its storms, and its other rounds say why they are not run", () => {
  const lacks = new Map<Ability, string>([["storage-full", "it has no end"]]);
  const storms = seeds.map((seed) => planOf(seed, 250, lacks)).filter(({ kind }) => kind === "storm");
  expect(storms.length).toBeGreaterThan(5);
  for (const { tracks } of storms) expect(tracks.flat().map(({ kind }) => kind)).not.toContain("full");
  expect(missing("full", lacks)).toBe("storage-full: it has no end");
  expect(missing("zombie", lacks)).toBeUndefined();
});
