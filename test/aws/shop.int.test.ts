import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SendMessageCommand } from "@aws-sdk/client-sqs";
import { startLocalAws } from "@holdfast/aws-local";
import { whyNoDynamo } from "@holdfast/dynamodb-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { plan } from "../../functions/aws/plan.ts";
import { root } from "../cli/run-cli.ts";
import { describeShop } from "../examples/shop-acceptance.ts";

const missing = whyNoDynamo();

describe.skipIf(missing !== undefined)(missing ? `AWS (skipped: ${missing})` : "AWS", () => {
  const code = mkdtempSync(join(tmpdir(), "holdfast-functions-"));
  beforeAll(() => {
    execFileSync(process.execPath, ["scripts/build-functions.mjs", code], { cwd: root });
  });
  afterAll(() => rmSync(code, { recursive: true }));

  // The bundled functions, in a process of their own; emulators and what AWS does around the functions in this one.
  describeShop("AWS", async (environment) => {
    const aws = await startLocalAws({ plan, code, port: 0, environment, visibilitySeconds: 3 });
    return {
      url: aws.url,
      async restart() {
        await aws.functions.kill();
        await aws.functions.ready();
        return aws.url;
      },
      async send(queue, body) {
        const url = aws.deployment.queues.get(`queue:${queue}`)?.url;
        await aws.deployment.clients.sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: body }));
      },
      stop: aws.stop,
    };
  });

  test("/readyz says yes, an unknown path no, and both are the contract's", async () => {
    const aws = await startLocalAws({ plan, code, port: 0 });
    const ready = await fetch(`${aws.url}/readyz`);
    expect(ready.status).toBe(200);
    const nothing = await fetch(`${aws.url}/nothing`);
    expect([nothing.status, await nothing.json()]).toMatchObject([404, { code: "not-found" }]);
    await aws.stop();
  });
});
