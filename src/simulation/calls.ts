import { refusal } from "../core/errors.ts";
import type { FaultKind, Fates, Site } from "./faults.ts";
import type { Instance } from "./instance.ts";
import type { Scheduler } from "./scheduler.ts";

/** What may be special about a call. */
export interface CallOptions<T> {
  /** It may still happen after its answer was lost. */
  readonly mayBeLate?: boolean;
  /** What a caller is told whose answer was lost; absent: an error that says nothing. */
  readonly unknown?: T;
  /** What the SDK makes of its own success when it has retried by itself. */
  readonly retried?: T;
  /** What is thrown where nothing has happened, or nobody knows; default: `overloaded`, or an error that says nothing. */
  readonly failure?: () => Error;
}

/** A call of an instance to what lies outside of it: takes time, and may go wrong in each way that a network knows. */
export type Remote = <T>(method: string, effect: () => T | Promise<T>, options?: CallOptions<T>) => Promise<T>;

const everywhere: readonly FaultKind[] = ["crash", "freeze", "throttle", "lost", "slow"];
const ofSnapshots: readonly FaultKind[] = [...everywhere, "late"];
const ofAppends: readonly FaultKind[] = [...ofSnapshots, "sdkRetry"];

export function createRemote(
  instance: Instance,
  { scheduler, fates }: { readonly scheduler: Scheduler; readonly fates: Fates },
): Remote {
  const sites = new Map<string, Site>();
  return <T>(method: string, effect: () => T | Promise<T>, options: CallOptions<T> = {}) => {
    const { failure = unavailable } = options;
    let site = sites.get(method);
    if (site === undefined) sites.set(method, (site = fates.site(`${instance.name}.${method}`)));
    const { random } = site;
    const fate = site.pick(options.retried !== undefined ? ofAppends : options.mayBeLate ? ofSnapshots : everywhere);
    const early = random() < 0.5;
    const longMs = fate === "slow" ? random() * 5_000 : 0;
    const thereMs = 0.1 + 8 * random() ** 2 + (early ? longMs : 0);
    const backMs = 0.1 + 8 * random() ** 2 + (early ? 0 : longMs);

    return new Promise<T>((resolve, reject) => {
      const answer = (settle: () => void): void => void scheduler.after(backMs, () => instance.enter(settle));
      const lose = (): void => {
        const { unknown } = options;
        if (unknown === undefined) reject(failure());
        else if (random() < 0.7) resolve(unknown);
        // What an SDK says of a broken connection is no error of ours.
        else reject(new Error("socket hang up"));
      };
      const happened = (result: T): void => {
        if (fate === "crash") return instance.crash();
        if (fate === "freeze" && !early) instance.freeze(freezeMs(random));
        answer(() => {
          if (fate === "lost") lose();
          else if (fate === "sdkRetry") resolve(options.retried ?? result);
          else resolve(result);
        });
      };
      const failed = (error: unknown): void => answer(() => reject(error));
      const happen = (): void => {
        try {
          const result = effect();
          if (result instanceof Promise) result.then(happened, failed);
          else happened(result);
        } catch (error) {
          failed(error);
        }
      };
      scheduler.after(thereMs, () => {
        if (fate === "throttle") answer(() => reject(failure()));
        else if (fate === "crash" && early) instance.crash();
        else if (fate === "freeze" && early) {
          instance.freeze(freezeMs(random));
          instance.enter(happen);
        } else if (fate === "late") {
          answer(lose);
          // Nobody hears of it any more.
          scheduler.after(random() * 20_000, () => void Promise.resolve(effect()).catch(() => {}));
        } else happen();
      });
    });
  };
}

function unavailable(): Error {
  return refusal("overloaded", "The network is bad today.");
}

/** Mostly too short to be noticed, sometimes longer than a lease. */
function freezeMs(random: () => number): number {
  return 100 + 20_000 * random() ** 2;
}
