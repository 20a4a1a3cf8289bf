import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLocalAzure } from "@holdfast/azure-local";
import { azurePlan } from "holdfast/azure/plan";
import { afterAll, beforeAll, describe } from "vitest";
import { root } from "../cli/run-cli.ts";
import { journeyApp } from "../examples/journey-acceptance-app.ts";
import { describeJourneys } from "../examples/journey-acceptance.ts";
import { createSkippingClock } from "./local/skipping-clock.ts";

describe("Azure", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-journey-azure-"));
  const code = join(folder, "app");
  beforeAll(() => {
    execFileSync(process.execPath, ["scripts/build-azure.mjs", code, "test/azure/journey/main.ts"], { cwd: root });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  // The built function app, in a process whose clock can be put forward, as the broker's.
  describeJourneys(
    "Azure",
    () => join(folder, "log"),
    async (environment) => {
      const clock = createSkippingClock(join(folder, "clock.mjs"));
      const { preload } = clock;
      const plan = azurePlan(journeyApp);
      const azure = await startLocalAzure({ plan, code, port: 0, environment, clock, preload });
      return {
        url: azure.url,
        async later(ms) {
          await azure.functions.kill();
          // The next process, which has only just been asked for, begins that much later.
          clock.skip(ms);
          await azure.functions.ready();
          return azure.url;
        },
        stop: azure.stop,
      };
    },
  );
});
