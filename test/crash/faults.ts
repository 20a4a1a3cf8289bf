import { createRandom } from "holdfast/testing";
import type { Treatment } from "./proxy.ts";
import type { Ability } from "./target.ts";

/** The kinds of rounds, in the order in which seeds take their turns. */
export const kinds = ["kill-one", "kill-all", "zombie", "full", "network", "storm"] as const;
export type Kind = (typeof kinds)[number];

const needs: { readonly [K in Kind]: readonly Ability[] } = {
  "kill-one": ["processes"],
  "kill-all": ["processes"],
  zombie: ["stop"],
  full: ["storage-full"],
  network: ["network"],
  // Of what there is.
  storm: [],
};

/** One thing that goes wrong and comes right again. Times are real milliseconds. */
export interface Step {
  readonly kind: "kill" | "stop" | "full" | "calm";
  /** Processes that it happens to, from 0; all at the same time. */
  readonly victims: readonly number[];
  /** How long everything works before. */
  readonly afterMs: number;
  readonly lastsMs: number;
}

export interface Plan {
  readonly seed: number;
  readonly kind: Kind;
  readonly processes: number;
  /** Whether connections are cut, delayed and half-opened all the time. */
  readonly isNetworkRough: boolean;
  /** What happens one after the other; tracks go on at the same time, each with processes of its own. */
  readonly tracks: readonly (readonly Step[])[];
}

/** What a seed does to a target with a lease of `leaseMs`: one seed is one plan. */
export function planOf(seed: number, leaseMs: number, lacks: ReadonlyMap<Ability, string> = new Map()): Plan {
  const random = createRandom(seed);
  const kind = kinds[(((seed - 1) % kinds.length) + kinds.length) % kinds.length] ?? "storm";
  const between = (least: number, most: number): number => Math.floor(least + random() * (most - least));
  const processes = kind === "kill-all" && random() < 0.5 ? 1 : 2;
  const all = Array.from({ length: processes }, (_, number) => number);
  const step = (of: Step["kind"], victims: readonly number[]): Step => {
    const lastsMs = {
      kill: between(0, 150),
      // The lease is over, and somebody else has taken its work, before it wakes up.
      stop: Math.floor(leaseMs * (1.6 + random() * 1.4)),
      full: between(400, 800),
      calm: between(300, 600),
    };
    return { kind: of, victims, afterMs: between(20, 250), lastsMs: lastsMs[of] };
  };
  const soon = (...of: Parameters<typeof step>): Step => ({ ...step(...of), afterMs: between(0, 40) });
  const first = between(0, processes);
  const other = (first + 1) % processes;
  const tracks: { readonly [K in Kind]: () => readonly (readonly Step[])[] } = {
    "kill-one": () => [[first, other, first, other].map((victim) => step("kill", [victim]))],
    "kill-all": () => [[step("kill", all), step("kill", all), step("kill", all)]],
    // Whoever has taken its work dies when it wakes up: what it has spoilt then shows.
    zombie: () => [[step("stop", [first]), soon("kill", [other]), step("stop", [other]), soon("kill", [first])]],
    full: () => [[step("full", all), step("full", all)]],
    network: () => [[step("calm", []), step("calm", [])]],
    // One process is killed while the other one sleeps, or has no room, or not: as it happens.
    storm: () => [
      [step("kill", [first]), step(random() < 0.5 ? "kill" : "stop", [first])],
      shuffled(random, [step("stop", [other]), step("full", all)]),
    ],
  };
  return {
    seed,
    kind,
    processes,
    isNetworkRough: kind === "network" || (kind === "storm" && !lacks.has("network")),
    tracks: tracks[kind]().map((track) => track.filter((one) => !lacks.has(abilityFor[one.kind]))),
  };
}

const abilityFor: { readonly [K in Step["kind"]]: Ability } = {
  kill: "processes",
  stop: "stop",
  full: "storage-full",
  calm: "network",
};

/** Why a round of that kind cannot be run against a target; `undefined` if it can. */
export function missing(kind: Kind, lacks: ReadonlyMap<Ability, string>): string | undefined {
  for (const ability of needs[kind]) {
    const reason = lacks.get(ability);
    if (reason !== undefined) return `${ability}: ${reason}`;
  }
  return undefined;
}

/**
 * What becomes of the next connection; a request and its answer have a few hundred bytes each. One that is kept for many
 * requests is never a good one for ever.
 */
export function chooseTreatment(random: () => number, isKept = false): Treatment {
  const dice = random();
  const side = random() < 0.5 ? "request" : "response";
  const afterBytes = Math.floor(random() * 3_000);
  if (dice < 0.25) return isKept ? { kind: "cut", side, afterBytes: 10 * afterBytes, reset: false } : { kind: "pass" };
  if (dice < 0.45) return { kind: "delay", ms: 1 + Math.floor(random() * 40) };
  if (dice < 0.75) return { kind: "cut", side, afterBytes, reset: random() < 0.5 };
  return { kind: "swallow", side, afterBytes };
}

function shuffled<T>(random: () => number, list: readonly T[]): readonly T[] {
  return list
    .map((item) => [random(), item] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, item]) => item);
}
