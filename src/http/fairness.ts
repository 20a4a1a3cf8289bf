import type { Principal } from "../core/entity/types.ts";
import { HoldfastError } from "../core/errors.ts";
import type { System } from "../core/runtime/system.ts";
import type { HttpSettings } from "./options.ts";
import { createRates, type Rate, type Rates } from "./rate.ts";

export type FairnessSettings = Pick<
  HttpSettings,
  "rate" | "anonymousRate" | "ratesMax" | "requestsPerPrincipalMax" | "requestsPerTenantMax" | "streamsPerPrincipalMax"
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
  const { ratesMax, requestsPerPrincipalMax, requestsPerTenantMax, streamsPerPrincipalMax } = settings;
  const ratesOf = (rate: Rate | false): Rates | undefined =>
    rate ? createRates(rate, system.now, ratesMax) : undefined;
  const rates = ratesOf(settings.rate);
  const anonymousRates = ratesOf(settings.anonymousRate);
  const principals = createPlaces(requestsPerPrincipalMax, "requests of this caller are under way already");
  const tenants = createPlaces(requestsPerTenantMax, "requests of this tenant are under way already");
  const streams = createPlaces(streamsPerPrincipalMax, "event streams of this caller are open already");
  // Most apps have one tenant, and then it may have everything.
  const countsTenants = requestsPerTenantMax < Number.MAX_SAFE_INTEGER;

  function takeTurn(rates: Rates | undefined, key: string): void {
    const waitMs = rates?.take(key) ?? 0;
    if (waitMs > 0) throw limited("Too many requests of this caller in a short time.", waitMs);
  }

  return {
    enter(principal) {
      const { tenant, kind } = principal;
      // Strangers have no name to count by: nobody is to be kept out because of others.
      if (kind === "anonymous") {
        if (anonymousRates) takeTurn(anonymousRates, tenant);
        return countsTenants ? tenants.take(tenant) : nothing;
      }
      const key = keyOf(principal);
      takeTurn(rates, key);
      const leave = principals.take(key);
      if (!countsTenants) return leave;
      try {
        const leaveTenant = tenants.take(tenant);
        return () => {
          leaveTenant();
          leave();
        };
      } catch (error) {
        leave();
        throw error;
      }
    },
    openStream: (principal) => (principal.kind === "anonymous" ? nothing : streams.take(keyOf(principal))),
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
  return new HoldfastError("rate-limited", message, { retry: "later", retryAfterMs });
}
