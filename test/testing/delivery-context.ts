import { createTestApp, type DeliveryContext, type DeliveryStore, type TestApp } from "holdfast/testing";

/** Starts apps, each on what `open` gives; `close` ends them, and what was opened, if that can be closed. */
export function contextOn(
  open: () => DeliveryStore & { close?(): Promise<void> },
): DeliveryContext & { close(): Promise<void> } {
  const runs: TestApp<DeliveryStore>[] = [];
  const opened: ReturnType<typeof open>[] = [];
  return {
    async start(app, { through, ...options }) {
      const store = open();
      opened.push(store);
      const run = createTestApp(app, { ...options, journal: through?.(store) ?? store });
      runs.push(run);
      await run.started;
      return run;
    },
    async close() {
      // Time goes by, so that what waits for it ends.
      for (const run of runs) await Promise.all([run.close(), run.clock.advance(60_000)]);
      for (const store of opened) await store.close?.();
    },
  };
}
