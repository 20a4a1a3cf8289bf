import { on, silentLogger } from "holdfast";
import { createTestApp } from "holdfast/testing";
import { expect, test } from "vitest";
import * as z from "zod";
import { counter, h, newServices, total } from "./fixtures.ts";

const broken = h
  .entity("broken", { initial: () => ({}), events: { e: z.object({}) }, evolve: { e: (state) => state } })
  .command("fail", {
    decide: () => {
      throw new Error("no");
    },
  });

type Handle = Parameters<typeof h.subscription>[1]["handle"];

const start = (handle: Handle, options: object = {}) =>
  createTestApp(
    h.app({
      entities: [counter, total, broken],
      subscriptions: [h.subscription("s", { to: [on(counter.events.added)], maxAttempts: 2, handle })],
    }),
    { services: newServices(), ...options },
  );

async function attemptsOf(handle: Handle): Promise<readonly [attempts: number, codes: readonly string[]]> {
  let attempts = 0;
  const run = start((event, context) => {
    attempts++;
    return handle(event, context);
  });
  await run.call(counter, "a").add({ n: 1 });
  await run.delivered();
  await run.clock.advance(60_000);
  await run.delivered();
  return [attempts, (await run.journal.dead({ limit: 9 })).map(({ reason }) => reason.code)];
}

test("the failure of a call that nobody looks at fails the attempt, before and after the handler returns", async () => {
  expect(await attemptsOf((_, { call }) => void call(broken, "b").fail())).toEqual([2, ["internal"]]);
  const early = attemptsOf(async (_, { call }) => {
    void call(broken, "b").fail();
    for (let i = 0; i < 200; i++) await Promise.resolve();
    await call(total, "t").count({ n: 1 });
  });
  expect(await early).toEqual([2, ["internal"]]);
});

test("a failure that the handler has caught is its own business", async () => {
  const caught = attemptsOf(async (_, { call }) => {
    await call(broken, "b")
      .fail()
      .catch(() => {});
    await Promise.allSettled([call(broken, "b").fail(), call(total, "t").count({ n: 1 })]);
  });
  expect(await caught).toEqual([1, []]);
});

test("an error that throws when it is looked at is a failure like any other", async () => {
  class Evil extends Error {
    override get message(): string {
      throw new Error("evil");
    }
  }
  const proxy: unknown = new Proxy(
    {},
    {
      get() {
        throw new Error("evil");
      },
    },
  );
  expect(
    await attemptsOf(() => {
      throw new Evil();
    }),
  ).toEqual([2, ["Error"]]);
  expect(
    await attemptsOf(() => {
      throw proxy;
    }),
  ).toEqual([2, ["thrown"]]);
});

test("a logger that throws does not decide what becomes of an event", async () => {
  let attempts = 0;
  const throws = () => {
    throw new Error("the disk is full");
  };
  const handle: Handle = () => {
    attempts++;
    throw new Error("no");
  };
  const run = start(handle, { log: { ...silentLogger, warn: throws, error: throws } });
  await run.call(counter, "a").add({ n: 1 });
  await run.clock.advance(60_000);
  await run.delivered();
  expect(attempts).toBe(2);
  expect(await run.journal.dead({ limit: 9 })).toMatchObject([{ reason: { code: "Error", message: "no" } }]);
});
