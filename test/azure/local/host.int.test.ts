import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { startHost } from "@holdfast/azure-local";
import { expect, onTestFinished, test } from "vitest";
import { run, testApp, type Told } from "./fixtures.ts";

test("the app's hooks run at its start, before it is invoked, and at its orderly end; not where it is killed", async () => {
  const { host, recorder } = await run();
  expect(recorder.told.map(({ what }) => what)).toEqual(["appStart"]);
  await host.functions.kill();
  const starts = await recorder.until("appStart", 2);
  await host.functions.ready();
  await host.stop();
  expect(recorder.told.map(({ what }) => what)).toEqual(["appStart", "appStart", "appTerminate"]);
  expect(recorder.told.at(-1)?.pid).toBe(starts[1]?.pid);
});

test("what runs when the host is stopped comes to its end first", async () => {
  const { host, recorder } = await run();
  const held = Promise.withResolvers<number>();
  recorder.decide = ({ what }) => (what === "held" ? held.promise : 200);
  const answer = fetch(`${host.url}/fn/held`);
  await recorder.until("held", 1);
  const stopped = host.stop();
  // Were it too early it would be told by then.
  await Promise.race([recorder.until("appTerminate", 1), sleep(200)]);
  held.resolve(200);
  expect(await (await answer).text()).toBe("released");
  await stopped;
  expect(recorder.told.at(-1)?.what).toBe("appTerminate");
});

test("a timer that is fired by hand is told its schedule, and tried again as its policy says", async () => {
  const { host, recorder } = await run();
  recorder.decide = ({ what, retryCount }) => (what === "yearly" && retryCount === undefined ? 500 : 200);
  expect(await host.fire("yearly")).toMatchObject({ kind: "returned" });
  const [first, second] = recorder.told.filter(({ what }) => what === "yearly");
  expect(first?.["timer"]).toMatchObject({
    schedule: { adjustForDST: true },
    scheduleStatus: {
      last: "0001-01-01T00:00:00+00:00",
      next: expect.stringMatching(/-01-01T00:00:00\.000\+00:00$/) as string,
    },
    isPastDue: false,
  });
  expect(second?.["retryCount"]).toBe(1);
  recorder.decide = ({ what }) => (what === "yearly" ? 500 : 200);
  expect(await host.fire("yearly")).toMatchObject({ kind: "threw" });
  const again = recorder.told.filter(({ what }) => what === "yearly");
  expect(again).toHaveLength(2 + 3);
  expect(statusOf(again.at(-1))?.last).toMatch(/^2\d{3}-/);
  await expect(host.fire("never")).rejects.toThrow('There is no timer "never"; there are: yearly, often.');
});

test("a timer fires by its schedule, which an app setting may say", async () => {
  const { recorder } = await run({ OFTEN: "* * * * * *" });
  const [first, second] = await recorder.until("often", 2);
  const due = [first, second].map((one) => Date.parse(statusOf(one)?.next ?? ""));
  expect(due[1]).toBeGreaterThan(Number(due[0]));
  expect(due.map((time) => time % 1_000)).toEqual([0, 0]);
});

function statusOf(told: Told | undefined): { readonly last: string; readonly next: string } | undefined {
  // What a timer is told, since nothing else tells so.
  return (told?.["timer"] as { scheduleStatus: { last: string; next: string } } | undefined)?.scheduleStatus;
}

/** A function app of a few lines. */
function appOf(main: string): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-azure-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "package.json"), '{"type":"module","main":"main.mjs"}');
  writeFileSync(join(folder, "host.json"), '{"version":"2.0"}');
  writeFileSync(
    join(folder, "main.mjs"),
    `import lib from ${JSON.stringify(library)}; const { app, input, output } = lib; ${main}`,
  );
  return folder;
}
const library = pathToFileURL(join(testApp, "../../../../node_modules/@azure/functions/dist/azure-functions.js")).href;

test.for([
  ["an app that throws", 'throw new Error("no settings")', /does not start: [^]*no settings/],
  ["an app without functions", "", /has registered no function/],
  ["a setting that is not there", 'app.timer("a", { schedule: "%NOT_SET%", handler() {} })', /asks for %NOT_SET%/],
  [
    "a connection that is not there",
    'app.serviceBusQueue("a", { connection: "NOT_SET", queueName: "q", handler() {} })',
    /connection "NOT_SET"; no such variable/,
  ],
  [
    "batches",
    'process.env.X = "1"; app.serviceBusQueue("a", { connection: "PATH", queueName: "q", cardinality: "many", handler() {} })',
    /wants batches/,
  ],
  ["another trigger", 'app.storageQueue("a", { connection: "PATH", queueName: "q", handler() {} })', /"queueTrigger"/],
  [
    "an output that would go nowhere",
    'app.http("a", { extraOutputs: [output.storageQueue({ connection: "PATH", queueName: "q" })], handler() {} })',
    /does nothing here/,
  ],
  [
    "a cron expression of five fields",
    'app.timer("a", { schedule: "* * * * *", handler() {} })',
    /schedule|pattern|part/i,
  ],
  [
    "a function that is there twice",
    'app.http("a", { handler() {} }); app.http("a", { handler() {} })',
    /registered twice/,
  ],
] as const)("%s is refused at the start", async ([, main, why]) => {
  await expect(startHost({ code: appOf(main), port: 0 })).rejects.toThrow(why);
});
