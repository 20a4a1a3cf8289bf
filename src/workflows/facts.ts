import type { JsonValue } from "../core/json.ts";

/** What went wrong, as it is stored: what a body gets is made from it. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** What an operation of a body is: the n-th that it asks for, from 1. */
export interface Operation {
  readonly n: number;
  readonly kind: "run" | "call" | "sleep" | "until" | "child";
  /** Of the step; `<entity>.<command>`; of the signal; of the child's workflow. */
  readonly name: string;
}

/**
 * What a body hears, or what is known of its operations. In the order of the stream, which is the only order in which a body
 * ever hears anything.
 */
export type Fact =
  /** An operation that waits has begun. */
  | (Operation & { readonly is: "began"; readonly due?: number; readonly child?: string })
  /** A step has failed and is tried again. */
  | (Operation & { readonly is: "failed"; readonly attempts: number; readonly due: number; readonly failure: Failure })
  /** An operation is over. */
  | (Operation & {
      readonly is: "done";
      readonly value?: JsonValue;
      readonly failure?: Failure;
      readonly accepted?: true;
    })
  /** The time of an operation that waits is over. */
  | { readonly is: "woke"; readonly n: number }
  | { readonly is: "signalled"; readonly name: string; readonly data?: JsonValue }
  /** Everything that waits fails; what is begun from then on does not. */
  | { readonly is: "cancelled"; readonly failure: Failure };

/** A fact with its time, epoch milliseconds. */
export interface TimedFact {
  readonly at: number;
  readonly fact: Fact;
}

/** Facts of one run of a workflow: it stops before there are more. */
export const factsMax = 10_000;

/** From there on each append says so in the log. */
export const factsWarning = 8_000;

/** Facts are kept in pieces of so many, so that adding one copies few. */
const pieceMax = 64;

export type Facts = readonly (readonly TimedFact[])[];

export function countOf(facts: Facts): number {
  return facts.length === 0 ? 0 : (facts.length - 1) * pieceMax + (facts.at(-1)?.length ?? 0);
}

export function withFacts(facts: Facts, more: readonly Fact[], at: number): Facts {
  const pieces = [...facts];
  for (const fact of more) {
    const last = pieces.at(-1);
    if (last === undefined || last.length === pieceMax) pieces.push([{ at, fact }]);
    else pieces[pieces.length - 1] = [...last, { at, fact }];
  }
  return pieces;
}

/** Whether that operation is over. */
export function isDone(facts: Facts, n: number): boolean {
  return facts.some((piece) => piece.some(({ fact }) => fact.is === "done" && fact.n === n));
}

/** Those behind the first `count`. */
export function factsAfter(facts: Facts, count: number): readonly TimedFact[] {
  const piece = Math.floor(count / pieceMax);
  return facts
    .slice(piece)
    .flat()
    .slice(count - piece * pieceMax);
}
