// The HTTP contract's own tests, through the requests and answers of Azure's library: each file is registered here once more,
// but for that of paths, which the host has read before (http.test.ts).
import { vi } from "vitest";

vi.mock(import("../../http/fixtures.ts"), async (original) => {
  const { overFunctions } = await import("./over-functions.ts");
  return overFunctions(await original());
});

await import("../../http/authenticate.test.ts");
await import("../../http/command.test.ts");
await import("../../http/context.test.ts");
await import("../../http/cors.test.ts");
await import("../../http/errors.test.ts");
await import("../../http/events.test.ts");
await import("../../http/precondition.test.ts");
await import("../../http/view.test.ts");
