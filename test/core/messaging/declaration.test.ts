import { holdfast, on } from "holdfast";
import { describe, expect, test } from "vitest";
import * as z from "zod";

const h = holdfast();
const cart = h
  .entity("cart", {
    initial: () => ({}),
    events: {
      checkedOut: z.object({ country: z.string(), total: z.number(), note: z.string().optional() }),
      opened: z.record(z.string(), z.string()),
    },
    evolve: { checkedOut: (state) => state, opened: (state) => state },
  })
  .command("open", { decide: () => [] });
const wide = h
  .entity("wide", {
    initial: () => ({}),
    events: { e: z.record(z.string(), z.string()) },
    evolve: { e: (state) => state },
  })
  .command("open", { decide: () => [] });

const handle = (): void => {};
const subscription = (name: string, options: object = {}) =>
  h.subscription(name, { to: [on(cart.events.checkedOut)], handle, ...options });
const worker = (options: object = {}) => h.worker("w", { queue: "q", input: z.string(), handle, ...options });
const timer = (options: object = {}) => h.timer("t", { cron: "0 3 * * *", handle, ...options });
// What TypeScript refuses, JavaScript can write.
const untyped = on as (event: unknown, where: object) => ReturnType<typeof on>;
const filtered = (where: object) =>
  h.app({ entities: [cart], subscriptions: [subscription("s", { to: [untyped(cart.events.checkedOut, where)] })] });

describe("what is refused when an app is declared, with what is wrong and what is allowed", () => {
  test.each<readonly [string, () => unknown, RegExp]>([
    ["a name of other characters", () => subscription("a b"), /"a b" is not allowed/],
    [
      "an option that there is not",
      () => subscription("s", { retries: 3 }),
      /Unknown option "retries" of subscription "s"/,
    ],
    ["no handler", () => subscription("s", { handle: undefined }), /needs handle/],
    ["no interests", () => subscription("s", { to: [] }), /needs to: /],
    ["another start", () => subscription("s", { from: "yesterday" }), /"yesterday"; it must be "now" or "beginning"/],
    ["no attempts", () => subscription("s", { maxAttempts: 0 }), /maxAttempts of subscription "s" is 0; .* 1 to 100/],
    ["half an attempt", () => subscription("s", { maxAttempts: 1.5 }), /1\.5/],
    ["a time-out past Lambda's", () => worker({ timeoutMs: 900_001 }), /timeoutMs of worker "w"/],
    ["too much at once", () => timer({ concurrency: 1_001 }), /concurrency of timer "t"/],
    ["a queue of other characters", () => worker({ queue: "a/b" }), /Queue name "a\/b"/],
    ["an input that is no schema", () => worker({ input: {} }), /must be a Standard Schema/],
    ["a tenant of other characters", () => worker({ tenant: "A" }), /tenant of worker "w" is "A"/],
    ["a cron that is none", () => timer({ cron: "61 3 * * *" }), /"61 3 \* \* \*" of timer "t" is not valid: .*minute/],
    ["a cron of six fields", () => timer({ cron: "0 0 3 * * *" }), /has five fields/],
    ["a cron that is never due", () => timer({ cron: "0 0 30 2 *" }), /never due/],
    ["a cron that is no string", () => timer({ cron: 3 }), /it is no string/],
    ["a zone that is none", () => timer({ zone: "Mars/Olympus" }), /zone "Mars\/Olympus" of timer "t" is not known/],
    ["an empty zone", () => timer({ zone: "" }), /is not known/],
    ["another way with missed ticks", () => timer({ missed: "all" }), /"latest" or "skip"/],
    [
      "two subscriptions of one name",
      () => h.app({ entities: [cart], subscriptions: [subscription("mail"), subscription("Mail")] }),
      /"mail" and "Mail" are equal ignoring case/,
    ],
    [
      "two workers at one queue",
      () => h.app({ entities: [cart], workers: [worker(), h.worker("v", { queue: "Q", input: z.string(), handle })] }),
      /Queue names "q" and "Q"/,
    ],
    [
      "an event of an entity that the app does not have",
      () => h.app({ entities: [wide], subscriptions: [subscription("s")] }),
      /wants cart\.checkedOut, which no entity of the app has/,
    ],
    [
      "a field that the event does not have",
      () => filtered({ town: "Graz" }),
      /by "town", which it does not have. It has country, total, note/,
    ],
    ["five fields", () => filtered({ a: 1, b: 1, c: 1, d: 1, e: 1 }), /filtered by 5 fields; 4 are allowed/],
    ["151 combinations", () => filtered({ total: Array.from({ length: 151 }, (_, i) => i) }), /151 combinations/],
    ["a number past 10^9", () => filtered({ total: 1_000_000_001 }), /within \+-10\^9/],
    ["an empty list", () => filtered({ country: [] }), /nothing would ever match/],
    [
      "nine fields of one event over all subscriptions",
      () =>
        h.app({
          entities: [wide],
          subscriptions: ["abc", "def", "ghi"].map((fields, i) =>
            h.subscription(`s${i}`, {
              to: [untyped(wide.events.e, Object.fromEntries([...fields].map((field) => [field, "x"])))],
              handle,
            }),
          ),
        }),
      /Subscriptions filter wide\.e by 9 fields .*; 8 are allowed/,
    ],
  ])("%s", (_, declare, message) => {
    expect(declare).toThrow(
      expect.objectContaining({ code: "invalid-declaration", message: expect.stringMatching(message) }),
    );
  });

  test("fields of a schema that does not name them all are taken as they are", () => {
    const app = h.app({
      entities: [cart],
      subscriptions: [h.subscription("s", { to: [untyped(cart.events.opened, { anything: "x" })], handle })],
    });
    expect(app.subscriptions.get("s")?.wants.get("cart")?.get("opened")).toHaveLength(1);
  });
});
