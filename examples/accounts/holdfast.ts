import { holdfast, type Holdfast, type Reached } from "holdfast";

/** Other services, found by their names; each gets what travels along: key, time that is left, correlation. */
export interface Others {
  readonly directory: {
    /** Whether somebody works here. */
    readonly employs: (person: string, reached: Reached) => Promise<boolean>;
  };
  readonly mail: {
    /** Once for each key. */
    readonly send: (letter: { readonly to: string; readonly text: string }, reached: Reached) => Promise<void>;
  };
}

export const h: Holdfast<Others> = holdfast<Others>();
