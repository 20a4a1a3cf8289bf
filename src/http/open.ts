import type { App } from "../core/app.ts";
import { HoldfastError } from "../core/errors.ts";

/**
 * Nothing is public unless somebody has written it out. `what` is started by whoever gets the message.
 * @throws HoldfastError `invalid-options`, that names the entities which are open to everybody
 */
export function checkOpen(app: App, isPublic: boolean, what: string): void {
  const open = [...app.entities.values()].filter(({ authorize }) => !authorize).map(({ name }) => name);
  if (isPublic || open.length === 0) return;
  const names = open.toSorted().join(", ");
  throw new HoldfastError(
    "invalid-options",
    `Nobody is asked who may use ${names}: declare authorize for each of them, or start the ${what} with public: true, which lets everybody who reaches the function do everything with them.`,
  );
}
