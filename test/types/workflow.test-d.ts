import { holdfast, on, type Result } from "holdfast";
import { client } from "holdfast/client";
import { workflows, type Heard, type WorkflowView } from "holdfast/workflows";
import { expectTypeOf, test } from "vitest";
import * as z from "zod";

interface Services {
  readonly mail: (key: string) => Promise<number>;
}
const h = holdfast<Services>();
const workflow = workflows<Services>();

const greet = workflow("greet", {
  input: z.object({ name: z.string(), times: z.number().default(1) }),
  signals: { seen: z.object({ by: z.string() }) },
  run: async (input, ctx) => {
    expectTypeOf(input).toEqualTypeOf<{ name: string; times: number }>();
    const sent = await ctx.run("mail", ({ services, key }) => services.mail(key));
    expectTypeOf(sent).toEqualTypeOf<number>();
    const heard = await ctx.until("seen", { timeoutMs: 5 });
    expectTypeOf(heard).toEqualTypeOf<Heard<{ by: string }>>();
    // @ts-expect-error: no such signal
    void (() => ctx.until("heard"));
    return { sent };
  },
});
const app = h.app({ entities: [], workflows: [greet] });

test("a workflow is an entity whose commands are to start, tell and cancel it", () => {
  const page = client<typeof app>({ url: "http://shop.test" });
  expectTypeOf(page.greet("g").start).toEqualTypeOf<
    (input: { name: string; times?: number | undefined }) => Promise<Result<undefined, "workflow-exists">>
  >();
  expectTypeOf(page.greet("g").signals.seen).toEqualTypeOf<
    (input: { by: string }) => Promise<Result<undefined, "workflow-ended">>
  >();
  expectTypeOf(page.greet("g").$view).returns.resolves.toEqualTypeOf<{
    readonly view: WorkflowView<{ sent: number }>;
    readonly version: number;
  }>();
  // @ts-expect-error: no such signal
  void (() => page.greet("g").signals.heard({}));
  // @ts-expect-error: signals stand by themselves
  void (() => page.greet("g")["signal-seen"]({ by: "Ada" }));
  expectTypeOf(page.greet("g").cancel).returns.resolves.toEqualTypeOf<Result<undefined, "workflow-ended">>();
  // @ts-expect-error: for its own machinery
  void (() => page.greet("g").advance({}));
});

test("children take their input and return their output", () => {
  workflow("parent", {
    input: z.object({}),
    run: async (_input, ctx) => {
      const sent = await ctx.child(greet, { name: "Ada" });
      expectTypeOf(sent).toEqualTypeOf<{ sent: number }>();
      // @ts-expect-error: not its input
      void (() => ctx.child(greet, { nam: "Ada" }));
      // @ts-expect-error: it has no signals
      void (() => ctx.until("seen"));
    },
  });
});

test("others hear of its end", () => {
  h.subscription("ended", {
    // Several of a union, too.
    to: [on(greet.events.ended, { status: ["failed", "stopped"] }), on(greet.events.ended, { status: "cancelled" })],
    handle: ({ data }) => {
      expectTypeOf(data.status).toEqualTypeOf<WorkflowView["status"]>();
      expectTypeOf(data.output).toEqualTypeOf<{ sent: number } | undefined>();
      expectTypeOf(data.failure?.code).toEqualTypeOf<string | undefined>();
    },
  });
});
