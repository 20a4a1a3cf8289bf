import { createRandom } from "../testing/virtual-system.ts";

/**
 * What can go wrong, each with the chance that it does, 0 to 1. "Per call": of a port (journal, messages, services), by an
 * instance of the app; of what is seldom called (to erase, to send to a queue, to ask for a replay) it is up to
 * ten times as much.
 */
export interface Faults {
  /** Per call: the instance dies before what it asked for happens, or right after. */
  readonly crash: number;
  /** Per call: the instance stands still for up to 20 s, before or after; what it asked for may happen when it wakes up. */
  readonly freeze: number;
  /** Per call: refused with `overloaded`; nothing happens. */
  readonly throttle: number;
  /** Per call: it happens, and the answer is lost. */
  readonly lost: number;
  /** Per append and snapshot: the answer is lost, and it happens up to 20 s later. */
  readonly late: number;
  /** Per append: it was stored, and the SDK's own retry reports the slot as taken. */
  readonly sdkRetry: number;
  /** Per call, and per batch that a broker hands out: takes up to 5 s. */
  readonly slow: number;
  /**
   * Per request of a client: it, or its answer, is lost on the way; the client retries with the same key. Of a batch that
   * a broker hands out the same: it comes again.
   */
  readonly cut: number;
  /** Per request of a client, and per batch that a broker hands out: it arrives once more, up to 20 s later. */
  readonly duplicate: number;
  /**
   * Per request of a client: it arrives once more when all has come to rest; in every other world 25 hours later, when its
   * key may be forgotten, else sooner.
   */
  readonly stale: number;
  /** Per event and subscription, per queue message: its handler always throws. */
  readonly poison: number;
  /** Per run of a handler: it throws, before or after its work. */
  readonly fail: number;
  /** Per step of a client: an operator erases the entity that is named first in the step. */
  readonly erase: number;
  /** Per world: all instances die at once while clients work. */
  readonly outage: number;
  /** Per instance: how far its clock may be off at most, milliseconds. */
  readonly skewMs: number;
  /** Per world: new code is rolled out while clients work. Only with `next`. */
  readonly deploy: number;
  /** Per world with a roll-out: it is rolled back, and out again. */
  readonly rollback: number;
  /** Per world: an operator has subscriptions replayed, drops a dead letter and redrives the others. */
  readonly operate: number;
}

export type FaultKind = Exclude<keyof Faults, "skewMs">;

export const defaultFaults: Faults = {
  crash: 0.003,
  freeze: 0.002,
  throttle: 0.01,
  lost: 0.01,
  late: 0.01,
  sdkRetry: 0.01,
  slow: 0.005,
  cut: 0.03,
  duplicate: 0.05,
  stale: 0.01,
  poison: 0.01,
  fail: 0.05,
  erase: 0.002,
  outage: 0.1,
  skewMs: 2_000,
  deploy: 0.5,
  rollback: 0.3,
  operate: 0.2,
};

/** Methods that a world calls so seldom that hardly any fault would ever meet them. */
const seldom: ReadonlySet<string> = new Set(["erase", "send", "addReplay", "streams", "bury"]);
const seldomTimes = 10;

/** Where faults happen: its own randomness, so that what happens elsewhere does not change what happens here. */
export interface Site {
  /** Uniform in [0, 1). */
  random(): number;
  /** Which of these faults happens this time, if any. */
  pick(kinds: readonly FaultKind[]): FaultKind | undefined;
}

export interface Fault {
  /** The same in every run of the seed: `i2.append#4`. */
  readonly id: string;
  readonly kind: FaultKind;
}

export interface Fates {
  site(name: string): Site;
  /** Those that have happened. */
  readonly fired: readonly Fault[];
  /** From now on nothing goes wrong any more. */
  heal(): void;
}

/** @param keep only these faults happen, by id; absent: all */
export function createFates(
  seed: number,
  rates: Faults,
  keep: ReadonlySet<string> | undefined,
  onFault: (fault: Fault) => void = () => {},
): Fates {
  const sites = new Map<string, Site>();
  const fired: Fault[] = [];
  let healed = false;

  function createSite(name: string): Site {
    const random = randomFor(seed, name);
    const isSeldom = seldom.has(name.slice(name.indexOf(".") + 1));
    let count = 0;
    return {
      random,
      pick(kinds) {
        count++;
        let chance = random() / (isSeldom ? timesOf(kinds) : 1);
        const kind = kinds.find((kind) => (chance -= rates[kind]) < 0);
        if (kind === undefined || healed) return undefined;
        const id = `${name}#${count}`;
        if (keep && !keep.has(id)) return undefined;
        const fault = { id, kind };
        fired.push(fault);
        onFault(fault);
        return kind;
      },
    };
  }

  /** How much more often these happen where calls are seldom; most calls still work. */
  function timesOf(kinds: readonly FaultKind[]): number {
    const sum = kinds.reduce((sum, kind) => sum + rates[kind], 0);
    return Math.max(1, Math.min(seldomTimes, 0.5 / sum));
  }

  return {
    fired,
    site(name) {
      let site = sites.get(name);
      if (site === undefined) sites.set(name, (site = createSite(name)));
      return site;
    },
    heal() {
      healed = true;
    },
  };
}

/** Randomness of its own for each name of a seed. */
export function randomFor(seed: number, name: string): () => number {
  return createRandom(hashOf(name) ^ Math.imul(seed, 0x9e3779b1));
}

/** 32 bits of a text. Source: FNV-1a by Fowler, Noll and Vo. */
export function hashOf(text: string, hash = 0x811c9dc5): number {
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
