import type { Functions, Input, Outcome } from "@holdfast/azure-local";
import { expect, test } from "vitest";
import { createMember, type GivenTo } from "./member.ts";

/** Functions without a process: invocations are answered when the test says so. */
function createFake() {
  const open: ((outcome: Outcome) => void)[] = [];
  const functions: Functions = {
    invoke: () => new Promise((resolve) => void open.push(resolve)),
    ready: async () => [],
    isReady: true,
    ended: () => new Promise(() => {}),
    kill: async () => {},
    start() {},
    pid: undefined,
    failure: undefined,
    stop: async () => {},
  };
  return { functions, open };
}

const message = (id: string): Input => ({ inputData: [], triggerMetadata: { MessageId: { string: id } } });
const done = { kind: "returned", value: undefined } as const;

test("a process that is stopped loses what it holds after a while, and another one gets it", async () => {
  const givenTo: GivenTo = new Map();
  const [first, other] = [createFake(), createFake()];
  const member = createMember(first.functions, { givenTo, patienceMs: 1 });
  const held = member.functions.invoke("mail", message("m1"));
  const request = member.functions.invoke("http", { inputData: [] });
  member.suspend();
  expect(member.functions.isReady).toBe(true);
  const late = member.functions.invoke("sends", message("m2"));
  for (const one of [held, request, late]) expect(await one).toEqual({ kind: "lost" });
  const again = createMember(other.functions, { givenTo, patienceMs: 1 }).functions.invoke("mail", message("m1"));
  other.open[0]?.(done);
  expect(await again).toEqual(done);
  expect(member.resume()).toBe(1);
});

test("a host finds its process gone from when it has given it up until it goes on", async () => {
  const { functions: process, open } = createFake();
  const member = createMember(process, { givenTo: new Map(), patienceMs: 1 });
  const held = member.functions.invoke("mail", message("m1"));
  member.suspend();
  await held;
  expect(member.functions.isReady).toBe(false);
  expect(await member.functions.invoke("mail", message("m2"))).toEqual({ kind: "lost" });
  const ready = member.functions.ready();
  expect(await Promise.race([ready.then(() => "there"), Promise.resolve("gone")])).toBe("gone");
  expect(member.resume()).toBe(0);
  await ready;
  const next = member.functions.invoke("mail", message("m1"));
  expect(open.length).toBe(2);
  open[1]?.(done);
  expect(await next).toEqual(done);
});
