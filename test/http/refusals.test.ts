import { expect, test } from "vitest";
import { silentLogger } from "../../src/core/runtime/system.ts";
import { createRefusals, refusalsPerTurn } from "../../src/http/refusals.ts";

const silent = { now: () => 0, log: silentLogger };

test("refusals go out a few per turn of the event loop, in their order, until none is left", async () => {
  const turns: (() => void)[] = [];
  const refusals = createRefusals({ ...silent, soon: (task) => void turns.push(task) });
  const sent: number[] = [];
  const count = 2 * refusalsPerTurn + 1;
  for (let i = 0; i < count; i++) void refusals.turn().then(() => sent.push(i));
  const seen: number[] = [];
  for (let turn = turns.shift(); turn; turn = turns.shift()) {
    turn();
    await Promise.resolve();
    seen.push(sent.length);
  }
  expect(seen).toEqual([refusalsPerTurn, 2 * refusalsPerTurn, count]);
  expect(sent).toEqual(Array.from({ length: count }, (_, i) => i));
  // The next one is not forgotten.
  void refusals.turn();
  expect(turns).toHaveLength(1);
});

test("refusals for want of room are one line a second, with their number", () => {
  let now = 5_000;
  const said: object[] = [];
  const log = { ...silentLogger, warn: (fields: object) => void said.push(fields) };
  const refusals = createRefusals({ soon: () => {}, now: () => now, log });
  refusals.count();
  for (let i = 0; i < 10; i++) refusals.count();
  expect(said).toEqual([{ refused: 1 }]);
  now += 1_000;
  refusals.count();
  refusals.count();
  expect(said).toEqual([{ refused: 1 }, { refused: 11 }]);
});
