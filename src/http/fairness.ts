import type { Principal } from "../core/entity/types.ts";
import { refusal, type HoldfastError } from "../core/errors.ts";
import type { System } from "../core/runtime/system.ts";
import type { HttpSettings } from "./options.ts";
import { createRates, type Rate, type Rates } from "./rate.ts";

export type FairnessSettings = Pick<
  HttpSettings,
  | "rate"
  | "anonymousRate"
  | "ratesMax"
  | "requestsPerPrincipalMax"
  | "requestsPerTenantMax"
  | "streamsPerPrincipalMax"
  | "streamsPerTenantMax"
>;

/** What keeps one caller, or one tenant, from taking what is there for all. Of this process alone. */
export interface Fairness {
  /**
   * Lets a request in, or refuses it; what it returns lets it out again.
   * @throws HoldfastError `rate-limited` (later, with the time to wait)
   */
  enter(principal: Principal): () => void;
  /** The same for an event stream, which stays open. */
  openStream(principal: Principal): () => void;
}

export function createFairness(system: System, settings: FairnessSettings): Fairness {
  const { ratesMax } = settings;
  const ratesOf = (rate: Rate | false): Rates | undefined =>
    rate ? createRates(rate, system.now, ratesMax) : undefined;
  const rates = ratesOf(settings.rate);
  const anonymousRates = ratesOf(settings.anonymousRate);
  const takeRequest = createShares(
    ["requests", "under way"],
    settings.requestsPerPrincipalMax,
    settings.requestsPerTenantMax,
  );
  const openStream = createShares(
    ["event streams", "open"],
    settings.streamsPerPrincipalMax,
    settings.streamsPerTenantMax,
  );

  function takeTurn(rates: Rates | undefined, key: string): void {
    const waitMs = rates?.take(key) ?? 0;
    if (waitMs > 0) throw limited("Too many requests of this caller in a short time.", waitMs);
  }

  return {
    enter(principal) {
      if (principal.kind === "anonymous") takeTurn(anonymousRates, principal.tenant);
      else takeTurn(rates, keyOf(principal));
      return takeRequest(principal);
    },
    openStream,
  };
}

/** Places of callers, and of their tenants: both or none. */
function createShares(
  [what, how]: readonly [what: string, how: string],
  callerMax: number,
  tenantMax: number,
): (principal: Principal) => () => void {
  const callers = createPlaces(callerMax, `${what} of this caller are ${how} already`);
  const tenants = createPlaces(tenantMax, `${what} of this tenant are ${how} already`);
  // Most apps have one tenant, and then it may have everything.
  const countsTenants = tenantMax < Number.MAX_SAFE_INTEGER;
  return (principal) => {
    // Strangers have no name to count by: nobody is to be kept out because of others.
    const leave = principal.kind === "anonymous" ? nothing : callers.take(keyOf(principal));
    if (!countsTenants) return leave;
    try {
      const leaveTenant = tenants.take(principal.tenant);
      return () => {
        leaveTenant();
        leave();
      };
    } catch (error) {
      leave();
      throw error;
    }
  };
}

/** No tenant has a slash in it. */
function keyOf({ tenant, id }: Principal): string {
  return `${tenant}/${id}`;
}

function nothing(): void {}

/** Counts what is under way by key; keys of which nothing is under way are not kept. */
function createPlaces(max: number, what: string): { take(key: string): () => void } {
  const taken = new Map<string, number>();
  return {
    take(key) {
      const count = taken.get(key) ?? 0;
      if (count >= max) throw limited(`${count} ${what}.`, 1_000);
      taken.set(key, count + 1);
      return () => {
        const left = (taken.get(key) ?? 1) - 1;
        if (left === 0) taken.delete(key);
        else taken.set(key, left);
      };
    },
  };
}

function limited(message: string, retryAfterMs: number): HoldfastError {
  return refusal("rate-limited", message, retryAfterMs);
}
