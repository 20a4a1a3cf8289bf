import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ListSchedulesCommand, type SchedulerClient } from "@aws-sdk/client-scheduler";
import { deploy, groupOf, pollQueue, pollStream, startApi, startEmulators, startFunctions } from "@holdfast/aws-local";
import { whyNoDynamo } from "@holdfast/dynamodb-emulator";
import { awsPlan } from "holdfast/aws/plan";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { createSkippingClock } from "../azure/local/skipping-clock.ts";
import { root } from "../cli/run-cli.ts";
import { journeyApp } from "../examples/journey-acceptance-app.ts";
import { describeJourneys } from "../examples/journey-acceptance.ts";

const missing = whyNoDynamo();
const plan = awsPlan(journeyApp);
const name = "journey";

describe.skipIf(missing !== undefined)(missing ? `AWS (skipped: ${missing})` : "AWS", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-journey-aws-"));
  const code = join(folder, "functions");
  beforeAll(() => {
    execFileSync(process.execPath, ["scripts/build-functions.mjs", code, "test/aws/journey"], { cwd: root });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  // The bundled functions, in a process whose clock can be put forward; emulators and what AWS does in this one.
  describeJourneys(
    "AWS",
    () => join(folder, "log"),
    async (environment) => {
      const clock = createSkippingClock(join(folder, "clock.mjs"));
      const emulators = await startEmulators(groupOf(name), true);
      const deployment = await deploy(plan, name, emulators, 3);
      const functions = startFunctions({
        code,
        environment: { ...environment, ...deployment.environment },
        output: () => {},
        preload: clock.preload,
      });
      await functions.ready();
      const stop = new AbortController();
      const polling = [
        pollStream(deployment, functions.invoke, stop.signal, { seconds: plan.streamSeconds }),
        ...plan.queues.map((queue) => pollQueue(queue, deployment, functions.invoke, stop.signal)),
      ];
      const { url, stop: stopApi } = await startApi(functions.invoke, 0, plan.httpSeconds);
      return {
        url,
        async later(ms) {
          // What is due in more than 15 minutes no queue holds.
          await scheduled(deployment.clients.scheduler);
          await functions.kill();
          // The next process, which has only just been asked for, begins that much later; so do schedules.
          clock.skip(ms);
          expect(await fireAt(emulators, clock.now)).toBe(1);
          await functions.ready();
          return url;
        },
        async stop() {
          stop.abort();
          await stopApi();
          await functions.stop();
          await Promise.all(polling);
          deployment.clients.destroy();
          await emulators.stop();
        },
      };
    },
  );
});

/** Resolves when something is. */
async function scheduled(client: SchedulerClient): Promise<void> {
  for (;;) {
    const { Schedules = [] } = await client.send(new ListSchedulesCommand({}));
    if (Schedules.length > 0) return;
    await sleep(20);
  }
}

/** Has schedules fire that are due by that clock: the emulator looks at this process's. */
async function fireAt({ fire }: { fire(): Promise<unknown> }, now: () => number): Promise<unknown> {
  const { now: real } = Date;
  const at = now();
  Date.now = () => at;
  try {
    return await fire();
  } finally {
    Date.now = real;
  }
}
