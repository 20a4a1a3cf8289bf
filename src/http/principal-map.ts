import type { Principal } from "../core/entity/types.ts";
import { HoldfastError } from "../core/errors.ts";

/** Where the parts of a principal are in what the platform says: a field's name, or a function. */
export interface PrincipalMap<Source> {
  /** Who it is; without one the caller is refused. */
  readonly id?: string | ((source: Source) => string | undefined);
  /** His tenant; named, but not there: the caller is refused. Default: the tenant `default` for everybody. */
  readonly tenant?: string | ((source: Source) => string | undefined);
  /** What `authorize` may look at. Default: everything that the platform says. */
  readonly claims?: (source: Source) => { readonly [name: string]: unknown };
}

type Source = { readonly [name: string]: unknown };

/** @throws HoldfastError `unauthenticated` where the source names no id, or no tenant though one is asked for */
export function principalOf(what: string, source: Source, { id, tenant, claims }: PrincipalMap<Source>): Principal {
  const part = (name: string, where: string | ((source: Source) => string | undefined) | undefined): string => {
    const value = typeof where === "function" ? where(source) : source[where ?? ""];
    if (typeof value === "string" && value !== "") return value;
    const field = typeof where === "string" ? ` (${where})` : "";
    throw new HoldfastError("unauthenticated", `The ${what} of the caller names no ${name}${field}.`);
  };
  return {
    kind: "user",
    id: part("id", id),
    tenant: tenant === undefined ? "default" : part("tenant", tenant),
    claims: claims ? claims(source) : source,
  };
}
