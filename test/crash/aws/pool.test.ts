import type { Functions } from "@holdfast/aws-local";
import { expect, test } from "vitest";
import { createPool } from "./pool.ts";

/** Functions without a process: invocations are answered when the test says so. */
function createFake() {
  const open: ((answer: unknown) => void)[] = [];
  const functions: Functions = {
    invoke: () => new Promise((resolve) => void open.push(resolve)),
    ready: async () => {},
    kill: async () => {},
    start() {},
    pid: undefined,
    failure: undefined,
    stop: async () => {},
  };
  return { functions, open };
}

const message = (id: string, queue: string): object => ({ Records: [{ messageId: id, eventSourceARN: queue }] });

test("a process that is stopped gets nothing new, and loses what it holds to another one", async () => {
  const [first, other] = [createFake(), createFake()];
  const pool = createPool([first.functions, other.functions], { random: () => 0, patienceMs: 1 });
  const held = pool.invoke("queue", message("m1", "a"), 1);
  const kept = pool.invoke("queue", message("m2", "b"), 1);
  await expect.poll(() => first.open.length).toBe(2);
  await pool.suspend(0);
  await expect(held).rejects.toThrow("too long");
  await expect(kept).rejects.toThrow("too long");
  const again = pool.invoke("queue", message("m1", "a"), 1);
  await expect.poll(() => other.open.length).toBe(1);
  other.open[0]?.("done");
  expect(await again).toBe("done");
  expect(pool.resume(0)).toBe(1);
  void pool.invoke("queue", message("m3", "a"), 1);
  await expect.poll(() => first.open.length).toBe(3);
});

test("what is invoked while no process runs waits for one", async () => {
  const { functions, open } = createFake();
  const pool = createPool([functions], { random: () => 0, patienceMs: 1_000 });
  await pool.kill(0);
  const answer = pool.invoke("stream", { Records: [{ eventID: "e1" }] }, 1);
  await pool.restart(0);
  await expect.poll(() => open.length).toBe(1);
  open[0]?.("done");
  expect(await answer).toBe("done");
});
