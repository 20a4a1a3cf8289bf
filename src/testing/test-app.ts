import type { App } from "../core/entity/app.ts";
import type { Journal } from "../core/journal/port.ts";
import type { Limits } from "../core/runtime/limits.ts";
import { createRuntime, type Runtime } from "../core/runtime/runtime.ts";
import { createMemoryJournal } from "../memory/journal.ts";
import { createVirtualSystem, type VirtualClock, type VirtualSystemOptions } from "./virtual-system.ts";

export interface TestAppOptions<Services> extends VirtualSystemOptions {
  readonly services?: Services;
  readonly limits?: Partial<Limits>;
  /** Share one to test several instances, or a restart. Default: a new one. */
  readonly journal?: Journal;
}

export interface TestApp extends Runtime {
  readonly clock: VirtualClock;
  readonly journal: Journal;
}

/** The app in memory, with a clock that the test moves: `await app.call(cart, "u1").addItem({ ... })`. */
export function createTestApp<Services>(app: App<unknown, Services>, options: TestAppOptions<Services> = {}): TestApp {
  const { services, limits, journal = createMemoryJournal(), ...rest } = options;
  const system = createVirtualSystem(rest);
  const runtime = createRuntime(app, {
    journal,
    system,
    ...(services !== undefined && { services }),
    ...(limits && { limits }),
  });
  return { ...runtime, clock: system.clock, journal };
}
