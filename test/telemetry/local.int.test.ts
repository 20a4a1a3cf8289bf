import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "holdfast";
import { serve } from "holdfast/local";
import { afterEach, beforeEach, expect, test } from "vitest";
import { app, startSdk } from "./fixtures.ts";

let data: string;
beforeEach(async () => void (data = await mkdtemp(join(tmpdir(), "holdfast-telemetry-"))));
afterEach(() => rm(data, { recursive: true }));

async function checkout(telemetry?: false) {
  const options = { port: 0, data, services: { failures: [] }, signals: false, logger: silentLogger };
  const host = await serve(app, { ...options, ...(telemetry === false && { telemetry }) });
  const answer = await fetch(`${host.url}/api/cart/c1/checkout`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ text: "x" }),
  });
  await fetch(`${host.url}/healthz`);
  await host.close();
  return answer.status;
}

test("the local host tells an SDK that was started before, without any option; all of it before it has closed; of health checks nothing", async () => {
  const sdk = startSdk({ later: true });
  try {
    expect(await checkout()).toBe(204);
    const names = sdk.spans().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["POST /api/cart/{id}/checkout", "cart.checkout"]));
    expect(names.filter((name) => name.startsWith("GET"))).toEqual([]);
    expect(new Set(sdk.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
    expect((await sdk.metric("holdfast.command.duration"))?.points.length).toBeGreaterThan(0);
  } finally {
    await sdk.stop();
  }
});

test("`telemetry: false` tells it nothing", async () => {
  const sdk = startSdk();
  try {
    expect(await checkout(false)).toBe(204);
    expect(sdk.spans()).toEqual([]);
  } finally {
    await sdk.stop();
  }
});
