import { holdfast, on } from "holdfast";
import { serve } from "holdfast/local";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { runCli } from "./run-cli.ts";

test("replay has a running host handle events once more, and waits for its end", async () => {
  const data = await mkdtemp(join(tmpdir(), "holdfast-replay-"));
  const seen: string[] = [];
  const h = holdfast();
  const counter = h
    .entity("counter", { initial: () => ({}), events: { added: z.object({}) }, evolve: { added: (state) => state } })
    .command("add", { decide: (_, __, { events }) => events.added({}) });
  const log = h.subscription("log", {
    to: [on(counter.events.added)],
    handle: ({ subject }) => void seen.push(subject),
  });
  const host = await serve(h.app({ entities: [counter], subscriptions: [log] }), { port: 0, data, signals: false });
  onTestFinished(async () => {
    await host.close();
    await rm(data, { recursive: true });
  });
  for (const id of ["a", "b", "c"]) await host.runtime.call(counter, id).add();
  const { stdout, code } = await runCli(["replay", "--subscription", "log", "--data", data]);
  expect({ stdout, code }).toEqual({ stdout: "3 events were handled once more.\n", code: 0 });
  expect(seen.toSorted()).toEqual(["a", "a", "b", "b", "c", "c"]);
  const none = await runCli(["replay", "--subscription", "log", "--since", "2100-01-01", "--data", data]);
  expect(none.stdout).toBe("0 events were handled once more.\n");
});

test("replay refuses a time that is none and a subscription that never ran", async () => {
  const data = await mkdtemp(join(tmpdir(), "holdfast-replay-"));
  onTestFinished(() => rm(data, { recursive: true }));
  const bad = await runCli(["replay", "--subscription", "log", "--since", "yesterday", "--data", data]);
  expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining("It must be a day or a time") });
  const missing = await runCli(["replay", "--subscription", "log", "--data", data]);
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining("There is no journal at") });
});
