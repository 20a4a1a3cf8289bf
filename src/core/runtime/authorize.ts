import type { EntityDefinition } from "../entity/definition.ts";
import type { Action, Principal } from "../entity/types.ts";
import { HoldfastError, internalError, isHoldfastError } from "../errors.ts";

/** Who acts where nobody else does: handlers, timers, tools. May everything. */
export const systemPrincipal: Principal = { kind: "system", id: "system", tenant: "default", claims: {} };

/**
 * Asks the entity whether the principal may do that; `system` may everything.
 * @throws HoldfastError `unauthenticated`, `forbidden`; `internal` for what the entity's `authorize` throws
 */
export async function checkAllowed(definition: EntityDefinition, principal: Principal, action: Action): Promise<void> {
  const { authorize } = definition;
  if (principal.kind === "system" || authorize === undefined) return;
  try {
    const allowed = authorize(principal, action);
    if ((typeof allowed === "boolean" ? allowed : await allowed) === true) return;
  } catch (cause) {
    throw isHoldfastError(cause) ? cause : internalError(`authorize of ${definition.name}`, cause);
  }
  if (principal.kind === "anonymous") throw new HoldfastError("unauthenticated", "This needs an authenticated caller.");
  throw new HoldfastError("forbidden", "The caller may not do this.");
}
