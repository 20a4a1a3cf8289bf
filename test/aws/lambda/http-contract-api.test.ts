// The HTTP contract's own tests, through a HTTP API's events, ids without what such APIs decode: each file is registered here once more.
import { vi } from "vitest";

vi.mock(import("../../http/fixtures.ts"), async (original) => {
  const { overLambda } = await import("./over-lambda.ts");
  const { apiEvent } = await import("./fixtures.ts");
  return overLambda(await original(), apiEvent);
});

await import("../../http/authenticate.test.ts");
await import("../../http/command.test.ts");
await import("../../http/context.test.ts");
await import("../../http/cors.test.ts");
await import("../../http/errors.test.ts");
await import("../../http/events.test.ts");
await import("../../http/view.test.ts");
