import { holdfast, machine, on, type DeliveredEvent, type Result, type SpecOf } from "holdfast";
import { expectTypeOf, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const light = machine("light", {
  initial: "red",
  data: () => ({ changes: 0 }),
  events: { changed: z.object({ by: z.string().default("nobody") }), failed: z.object({}) },
  evolve: {
    changed: (data, event) => {
      expectTypeOf(event).toEqualTypeOf<{ by: string } & { readonly fromState: Colour; readonly toState: Colour }>();
      return { changes: data.changes + 1 };
    },
  },
  states: {
    red: {
      on: { changed: [{ to: "green", guard: (data, { by }) => data.changes < 9 && by !== "" }], failed: "off" },
      entry: (data) => expectTypeOf(data).toEqualTypeOf<{ changes: number }>(),
    },
    green: { on: { changed: "red" }, timeout: { after: { minutes: 1 }, to: "red" } },
    off: { final: true },
  },
});
type Colour = "red" | "green" | "off";
type Light = SpecOf<typeof light>;

test("a machine's state is where it is, and what it knows", () => {
  expectTypeOf<Light["state"]>().toEqualTypeOf<{ readonly state: Colour; readonly data: { changes: number } }>();
  expectTypeOf<Light["view"]>().toEqualTypeOf<{ readonly state: Colour; readonly data: { changes: number } }>();
});

test("its events are commands, which may be illegal", () => {
  h.subscription("s", {
    to: [on(light.events.changed, { toState: "green" }), on(light.events.timedOut)],
    handle: async (event, { call }) => {
      if (event.type === "light.changed") {
        expectTypeOf(event).toEqualTypeOf<
          DeliveredEvent<"light.changed", { by: string } & { readonly fromState: Colour; readonly toState: Colour }>
        >();
      }
      const result = await call(light, "l").changed({});
      expectTypeOf(result).toEqualTypeOf<Result<{ readonly state: Colour }, "illegal-transition" | "guard-refused">>();
      // @ts-expect-error: no such event
      void (() => call(light, "l").broken({}));
      // @ts-expect-error: nobody but the timer
      void (() => call(light, "l").timedOut());
    },
  });
});

test("a state that is none does not compile", () => {
  const data = () => ({});
  const events = { go: z.object({}) };
  // @ts-expect-error: no such initial state
  void (() => machine("m", { initial: "x", data, events, states: { a: { final: true } } }));
  // @ts-expect-error: no such target
  void (() => machine("m", { initial: "a", data, events, states: { a: { on: { go: "x" } } } }));
  // @ts-expect-error: no such event
  void (() => machine("m", { initial: "a", data, events, states: { a: { on: { come: "a" } } } }));
  const after = { ms: 1 };
  // @ts-expect-error: no such target of a time-out
  void (() => machine("m", { initial: "a", data, events, states: { a: { timeout: { after, to: "x" } } } }));
});
