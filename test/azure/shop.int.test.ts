import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServiceBusClient } from "@azure/service-bus";
import { startLocalAzure } from "@holdfast/azure-local";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { plan } from "../../functions/azure/plan.ts";
import { root } from "../cli/run-cli.ts";
import { describeShop } from "../examples/shop-acceptance.ts";
import { createSkippingClock } from "./local/skipping-clock.ts";

/** After that all locks of a dead process have run out, and wake-ups are due for all that it has not published. */
const laterMs = 100_000;

describe("Azure", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-azure-"));
  const code = join(folder, "app");
  beforeAll(() => {
    execFileSync(process.execPath, ["scripts/build-azure.mjs", code], { cwd: root });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  // The built function app, in a process of its own; emulators and what Azure does around the functions in this one.
  describeShop("Azure", async (environment) => {
    const clock = createSkippingClock(join(folder, "clock.mjs"));
    const { preload } = clock;
    const azure = await startLocalAzure({ plan, code, port: 0, environment, prefix: "shop-", clock, preload });
    return {
      url: azure.url,
      async restart() {
        await azure.functions.kill();
        // The next process, which has only just been asked for, begins that much later.
        clock.skip(laterMs);
        await azure.functions.ready();
        return azure.url;
      },
      async send(queue, body) {
        const { emulators, queues } = azure.deployment;
        const client = new ServiceBusClient(emulators.serviceBus.connectionString);
        await client.createSender(queues.get(`queue:${queue}`) ?? "").sendMessages({ body: Buffer.from(body) });
        await client.close();
      },
      stop: azure.stop,
    };
  });

  test("/readyz says yes, an unknown path no, and both are the contract's", async () => {
    const azure = await startLocalAzure({ plan, code, port: 0 });
    const ready = await fetch(`${azure.url}/readyz`);
    expect(ready.status).toBe(200);
    const nothing = await fetch(`${azure.url}/nothing`);
    expect([nothing.status, await nothing.json()]).toMatchObject([404, { code: "not-found" }]);
    await azure.stop();
  });
});
