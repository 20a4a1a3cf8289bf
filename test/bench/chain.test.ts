import { describe, expect, test } from "vitest";
import { linesOf, runOne } from "../../bench/chain/run.ts";

describe("five steps as a workflow and as a chain written by hand", () => {
  test.each([
    ["fine-1", "completed", ["reserve", "charge", "pack", "ship", "invoice"]],
    ["slow-1", "completed", ["reserve", "charge", "pack", "ship", "invoice"]],
    ["refused-1", "failed", ["reserve", "charge", "pack", "unpack", "refund", "release"]],
    ["down-1", "failed", ["reserve", "charge", "pack", "unpack", "refund", "release"]],
  ])("end the same way for %s, with the same deeds in the same order", async (id, outcome, deeds) => {
    const workflow = await runOne("workflow", id);
    const chain = await runOne("chain", id);
    expect(workflow).toMatchObject({ outcome, deeds: deeds.map((deed) => `${deed} of ${id}`) });
    const { appends: _a, messages: _m, ...what } = workflow;
    expect(chain).toMatchObject(what);
  });

  test("cost appends and messages that are counted, not guessed", async () => {
    const counts = async (side: "workflow" | "chain", id: string) => {
      const { appends, messages } = await runOne(side, id);
      return { appends, messages };
    };
    // The start, a record for each step, and the end; only the start wakes its driver.
    expect(await counts("workflow", "fine-1")).toEqual({ appends: 7, messages: 1 });
    expect(await counts("chain", "fine-1")).toEqual({ appends: 6, messages: 5 });
    expect(await counts("workflow", "refused-1")).toEqual({ appends: 9, messages: 1 });
    expect(await counts("chain", "refused-1")).toEqual({ appends: 8, messages: 7 });
  });

  test("are counted without blank lines and comments", () => {
    expect(linesOf("workflow")).toBeGreaterThan(10);
    expect(linesOf("chain")).toBeGreaterThan(3 * linesOf("workflow"));
  });
});
