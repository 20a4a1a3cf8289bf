import { afterEach, expect, test, vi } from "vitest";
import { createLogger } from "../../../src/local/host/logger.ts";

afterEach(() => void vi.restoreAllMocks());

test("lines are lost while 4 MiB wait for a reader that does not keep up, and only then", () => {
  const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const waiting = vi.spyOn(process.stdout, "writableLength", "get");
  const log = createLogger("info");
  for (const [bytes, message] of [
    [4 * 1024 * 1024 - 1, "first"],
    [4 * 1024 * 1024, "lost"],
    [0, "last"],
  ] as const) {
    waiting.mockReturnValue(bytes);
    log.info({}, message);
  }
  expect(write.mock.calls.map(([line]) => (JSON.parse(String(line)) as { msg: string }).msg)).toEqual([
    "first",
    "last",
  ]);
});

test("many loggers listen to standard output's errors once", () => {
  const before = process.stdout.listenerCount("error");
  for (let i = 0; i < 20; i++) createLogger("info");
  expect(process.stdout.listenerCount("error")).toBeLessThanOrEqual(before + 1);
});
