import type { Journal } from "../journal/port.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** What the consumers of an app work with. */
export interface DeliveryPorts {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly services: unknown;
}
