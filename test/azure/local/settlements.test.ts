import { expect, test } from "vitest";
import { createSettlements } from "../../../packages/azure-local/settlements.ts";

test("each settlement begins in a turn of the event loop of its own, in order; one that fails keeps nobody", async () => {
  let turn = 0;
  let next = setImmediate(function count() {
    turn++;
    next = setImmediate(count);
  });
  const inTurn = createSettlements();
  const begun: (readonly [id: number, turn: number])[] = [];
  const results = await Promise.allSettled(
    [1, 2, 3].map((id) =>
      inTurn(async () => {
        begun.push([id, turn]);
        if (id === 2) throw new Error("the lock is lost");
      }),
    ),
  );
  clearImmediate(next);
  expect(begun.map(([id]) => id)).toEqual([1, 2, 3]);
  expect(new Set(begun.map(([, at]) => at)).size).toBe(3);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});
