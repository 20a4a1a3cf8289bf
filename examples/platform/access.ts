import type { Action, Principal } from "holdfast";

/** Everybody may look; of the commands only these are anybody's, all others are what the platform itself says. */
export function customersMay(...commands: readonly string[]): (principal: Principal, action: Action) => boolean {
  return ({ kind }, action) => kind === "system" || action.kind !== "command" || commands.includes(action.command);
}
