import { holdfast, machine, reports, reportsOf } from "holdfast";
import { createTestApp } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { anonymous } from "../fixtures.ts";

const h = holdfast();
const votes = reports("votes", { by: "from" });
const ofOne = z.object({ from: z.string() });

const poll = machine("poll", {
  initial: "open",
  data: () => ({ votes: reportsOf(["ada", "bob", "cy"]), topic: "tea" }),
  events: { voted: ofOne, vetoed: ofOne, closed: z.object({}) },
  evolve: { voted: votes.count },
  states: {
    open: {
      on: {
        voted: [{ to: "likely", guard: votes.atLeast(2) }, { guard: votes.any }],
        vetoed: { to: "vetoed", guard: votes.any },
        closed: "vetoed",
      },
    },
    likely: { on: { voted: [{ to: "unanimous", guard: votes.all }, { guard: votes.any }] } },
    unanimous: { final: true },
    vetoed: { final: true },
  },
});

function start() {
  const run = createTestApp(h.app({ entities: [poll] }));
  const vote = (from: string) => run.call(poll, "p").voted({ from });
  const view = async () => (await run.view({ entity: "poll", id: "p", principal: anonymous })).view;
  return { run, vote, view };
}

describe("a machine that waits for reports", () => {
  test("goes on when enough have reported, and when all have", async () => {
    const { vote, view } = start();
    expect(await vote("cy")).toMatchObject({ ok: true, reply: { state: "open" } });
    expect(await vote("ada")).toMatchObject({ ok: true, reply: { state: "likely" } });
    expect(await vote("bob")).toMatchObject({ ok: true, reply: { state: "unanimous" } });
    expect(await view()).toEqual({
      state: "unanimous",
      data: { votes: { missing: [], reported: ["ada", "bob", "cy"] }, topic: "tea" },
    });
  });

  test("counts each report once, and refuses those of nobody that it knows", async () => {
    const { vote, view } = start();
    await vote("ada");
    expect(await vote("ada")).toMatchObject({ ok: false, code: "guard-refused" });
    for (const stranger of ["dan", "", "constructor", "__proto__"]) {
      expect(await vote(stranger)).toMatchObject({ ok: false, code: "guard-refused" });
    }
    expect(await view()).toMatchObject({ state: "open", data: { votes: { reported: ["ada"] } } });
  });

  test("refuses a report that comes too late, and is where it was", async () => {
    const { run, vote, view } = start();
    await run.call(poll, "p").vetoed({ from: "bob" });
    expect(await vote("ada")).toMatchObject({ ok: false, code: "illegal-transition" });
    expect(await view()).toMatchObject({ state: "vetoed", data: { votes: { reported: [] } } });
  });

  test("goes on at the first one where any will do", async () => {
    const { run, view } = start();
    expect(await run.call(poll, "p").vetoed({ from: "dan" })).toMatchObject({ ok: false, code: "guard-refused" });
    expect(await run.call(poll, "p").vetoed({ from: "cy" })).toMatchObject({ ok: true, reply: { state: "vetoed" } });
    expect(await view()).toMatchObject({ state: "vetoed" });
  });
});

describe("reports", () => {
  test("of one child are complete with it, and those of none never are", () => {
    const one = { votes: reportsOf(["ada"]) };
    expect(votes.all(one, { from: "ada" })).toBe(true);
    expect(votes.all({ votes: reportsOf([]) }, { from: "ada" })).toBe(false);
  });

  test("that are more than enough are enough", () => {
    const data = votes.count({ votes: reportsOf(["ada", "bob", "cy"]) }, { from: "ada" });
    expect(votes.atLeast(1)(data, { from: "bob" })).toBe(true);
    expect(votes.atLeast(2)(data, { from: "ada" })).toBe(false);
    expect(votes.atLeast(4)(data, { from: "bob" })).toBe(false);
  });

  test("of a child that was named twice are one", () => {
    expect(reportsOf(["bob", "ada", "bob"])).toEqual({ missing: ["ada", "bob"], reported: [] });
  });

  test("that the data did not have yet change nothing", () => {
    // As it was folded by code that did not know of them.
    const data = {} as { readonly votes: ReturnType<typeof reportsOf> };
    expect(votes.count(data, { from: "ada" })).toBe(data);
    expect(votes.any(data, { from: "ada" })).toBe(false);
  });

  test.each([
    [() => reports("", { by: "from" }), "field of the machine's data"],
    [() => reports("votes", { by: "" }), "need by"],
    [() => reports("votes", {} as { by: string }), "need by"],
    [() => reports("votes", { by: "from", of: "x" } as { by: string }), 'Unknown option "of"'],
    [() => votes.atLeast(0), "not 0"],
    [() => votes.atLeast(1.5), "not 1.5"],
    [() => votes.atLeast(Number.NaN), "not NaN"],
  ])("are refused where they make no sense: %s", (declare, text) => {
    expect(declare).toThrowError(
      expect.objectContaining({ code: "invalid-declaration", message: expect.stringContaining(text) as string }),
    );
  });
});
