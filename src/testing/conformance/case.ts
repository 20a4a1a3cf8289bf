import type { Journal } from "../../core/journal/port.ts";

/**
 * What a case asks of a journal beyond the seven methods:
 * - `index`, `pages`: the declared kind of `keys`;
 * - `instances`: `open` may be called more than once, each call giving another instance on the same store, as two
 *   processes have. A journal that lives in one instance's memory has no such thing;
 * - `predecessor`: the store can tell whether the record before an append stands, and refuses the append if not.
 */
export type JournalNeed = "index" | "pages" | "instances" | "predecessor";

/** What a case runs with: a store of its own, empty at the start. */
export interface JournalContext {
  /**
   * An instance on the case's store. Called once per case; several times only by cases that need `instances`. Whoever
   * runs the case closes what was opened.
   */
  open(): Promise<Journal> | Journal;
}

/** One claim about every journal. */
export interface JournalCase {
  /** The claim, in the present tense; unique in the suite. */
  readonly name: string;
  /** The case applies only to journals that have all of these. Absent: to every journal. */
  readonly needs?: readonly JournalNeed[];
  /** @throws AssertionError (`node:assert`) where the claim does not hold, or whatever the journal threw. */
  run(context: JournalContext): Promise<void>;
}
