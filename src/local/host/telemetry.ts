import type { Telemetry } from "../../core/runtime/telemetry.ts";

/**
 * Where every copy of OpenTelemetry's API of major version 1 keeps what was registered with it.
 * Source: @opentelemetry/api, internal/global-utils.
 */
const registry = Symbol.for("opentelemetry.js.api.1");

/** OpenTelemetry, where an SDK was started before; else nothing, and nothing is loaded. */
export async function registeredTelemetry(): Promise<Telemetry | undefined> {
  if (!(registry in globalThis)) return undefined;
  const { openTelemetry } = await import("../../telemetry/open-telemetry.ts");
  return openTelemetry();
}
