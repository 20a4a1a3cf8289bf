import { machine, reports, reportsOf, type ReportGuard, type Reports, type SpecOf } from "holdfast";
import { expectTypeOf, test } from "vitest";
import * as z from "zod";

const ready = reports("ready", { by: "node" });
const ofNode = z.object({ node: z.string() });

const cluster = machine("cluster", {
  initial: "pending",
  data: () => ({ owner: "", ready: reportsOf(["a", "b"]) }),
  events: { nodeReady: ofNode.extend({ address: z.string() }), closed: z.object({}) },
  evolve: { nodeReady: ready.count },
  states: {
    pending: { on: { nodeReady: [{ to: "running", guard: ready.all }, { guard: ready.any }], closed: "running" } },
    running: { final: true },
  },
});

test("a machine with reports knows its data and its events", () => {
  expectTypeOf<SpecOf<typeof cluster>["state"]["data"]>().toEqualTypeOf<{ owner: string; ready: Reports }>();
  expectTypeOf(ready.all).toEqualTypeOf<ReportGuard<"ready", "node">>();
  expectTypeOf(ready.atLeast(2)).toEqualTypeOf<ReportGuard<"ready", "node">>();
});

test("counting keeps the type of the data", () => {
  const data = { owner: "me", ready: reportsOf([]) };
  expectTypeOf(ready.count(data, { node: "a" })).toEqualTypeOf<{ owner: string; ready: Reports }>();
});

test("data without the field, and events that name no child, do not compile", () => {
  const options = { initial: "a", events: { done: ofNode, closed: z.object({}) } } as const;
  void (() =>
    machine("m", {
      ...options,
      data: () => ({ other: reportsOf([]) }),
      // @ts-expect-error: there is no data.ready
      states: { a: { on: { done: { guard: ready.any } } } },
    }));
  void (() =>
    machine("m", {
      ...options,
      data: () => ({ ready: reportsOf([]) }),
      // @ts-expect-error: closed names no node
      states: { a: { on: { closed: { guard: ready.any } } } },
    }));
  // @ts-expect-error: by is needed
  void (() => reports("ready"));
});
