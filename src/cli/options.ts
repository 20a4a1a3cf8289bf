import { Argument, InvalidArgumentError, Option } from "commander";
import { checkId, checkName, checkTenant } from "../core/entity/names.ts";

/** A parser for commander, which then says which option, argument or variable has a value that `check` refuses. */
function checked(check: (value: string) => void): (value: string) => string {
  return (value) => {
    try {
      check(value);
      return value;
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

/** Parses a whole number within bounds; an empty variable counts as none. */
export function wholeNumber(min: number, max: number): (value: string, previous: number) => number {
  return (value, previous) => {
    if (value === "") return previous;
    const number = Number(value);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** A parser for names of that kind. */
export function checkedName(kind: string): (value: string) => string {
  return checked((value) => checkName(kind, value));
}

const checkedEntity = checkedName("Entity");

export const entityArgument: Argument = new Argument("<entity>").argParser(checkedEntity);
export const idArgument: Argument = new Argument("<id>").argParser(checked(checkId));

export const entityOption: Option = new Option("--entity <name>", "of one entity only").argParser(checkedEntity);
export const tenantOption: Option = new Option("--tenant <name>", "of one tenant only").argParser(checked(checkTenant));
export const ownTenantOption: Option = new Option("--tenant <name>", "whose entity")
  .default("default")
  .argParser(checked(checkTenant));

export const appOption: Option = new Option(
  "--app <file>",
  "the module that exports the app (default: functions/app.ts, app.ts, ...)",
);
export interface AppOptions {
  readonly app?: string;
}

export const dataOption: Option = new Option("--data <folder>", "the folder of the journal")
  .env("HOLDFAST_DATA")
  .default(".holdfast")
  .argParser((value, previous: string) => value || previous);
export interface DataOptions {
  readonly data: string;
}
