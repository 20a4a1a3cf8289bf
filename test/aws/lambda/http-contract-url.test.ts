// The HTTP contract's own tests, through a Function URL's events: each file is registered here once more.
import { vi } from "vitest";

vi.mock(import("../../http/fixtures.ts"), async (original) => {
  const { overLambda } = await import("./over-lambda.ts");
  const { urlEvent } = await import("./fixtures.ts");
  return overLambda(await original(), urlEvent);
});

await import("../../http/authenticate.test.ts");
await import("../../http/command.test.ts");
await import("../../http/context.test.ts");
await import("../../http/cors.test.ts");
await import("../../http/errors.test.ts");
await import("../../http/events.test.ts");
await import("../../http/path.test.ts");
await import("../../http/precondition.test.ts");
await import("../../http/view.test.ts");
