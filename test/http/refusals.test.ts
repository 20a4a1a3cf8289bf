import { expect, test } from "vitest";
import { createRefusals, refusalsPerTurn } from "../../src/http/refusals.ts";

test("refusals go out a few per turn of the event loop, in their order, until none is left", async () => {
  const turns: (() => void)[] = [];
  const refusals = createRefusals({ soon: (task) => void turns.push(task) });
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
