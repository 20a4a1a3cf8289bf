import { expect, test } from "vitest";
import { delayOf } from "../../../src/aws/lambda/queue/visibility.ts";

/** The most receives that a queue's redrive policy can allow. */
const receivesMax = 1_000;
const daySeconds = 86_400;

function secondsAfter(receives: number, delayMs: number): number {
  const attributes = { ApproximateReceiveCount: String(receives), SentTimestamp: "0" };
  return delayOf({ messageId: "m", receiptHandle: "r", attributes }, { kind: "again", delayMs }).seconds;
}

test("a message that only outages keep is received for 14 days before SQS moves it away, whatever its policy", () => {
  let seconds = 0;
  for (let receives = 1; receives < receivesMax; receives++) seconds += secondsAfter(receives, 1);
  expect(seconds).toBeGreaterThan(14 * daySeconds);
});

test("the first hundred receives wait as the policy says, later ones at least five minutes", () => {
  expect([1, 100].map((receives) => secondsAfter(receives, 1_500))).toEqual([2, 2]);
  expect([101, 1_000].map((receives) => secondsAfter(receives, 1_500))).toEqual([303, 3_000]);
});

test("one that has got on waits for nothing, however often it came", () => {
  const attributes = { ApproximateReceiveCount: "900", SentTimestamp: "0" };
  const again = { kind: "again", delayMs: 0, progressed: true } as const;
  expect(delayOf({ messageId: "m", receiptHandle: "r", attributes }, again).seconds).toBe(0);
});

test("a delay that is longer stays", () => {
  expect(secondsAfter(101, 600_000)).toBe(600);
});
