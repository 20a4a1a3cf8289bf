import type { JournalCase, JournalContext, JournalNeed } from "holdfast/testing";
import { journalConformance } from "holdfast/testing";
import { describe, expect, test } from "vitest";

export interface Suite {
  readonly journal: string;
  readonly has: readonly JournalNeed[];
  /** Why the journal has not got the rest, by need. */
  readonly lacks: Readonly<Partial<Record<JournalNeed, string>>>;
  /** How many cases have to run, and how many do not apply: a suite that shrinks is noticed. */
  readonly expected: { readonly ran: number; readonly notApplicable: number };
  /** A fresh store. */
  context(): JournalContext & { close(): Promise<void> };
}

/** The first need of a case that the journal does not meet. */
export function missing({ needs = [] }: JournalCase, has: readonly JournalNeed[]): JournalNeed | undefined {
  return needs.find((need) => !has.includes(need));
}

/** Runs the conformance suite on a journal as vitest cases. */
export function describeConformance({ journal, has, lacks, expected, context }: Suite): void {
  describe(`the journal conformance suite on ${journal}`, () => {
    let ran = 0;
    const notApplicable = new Map<string, string | undefined>();
    for (const one of journalConformance) {
      const lacking = missing(one, has);
      if (lacking !== undefined) {
        notApplicable.set(one.name, lacks[lacking]);
        continue;
      }
      test(one.name, async () => {
        const { close, ...fresh } = context();
        try {
          await one.run(fresh);
        } finally {
          await close();
        }
        ran++;
      });
    }

    test(`ran ${expected.ran} cases; ${expected.notApplicable} do not apply, each for a stated reason`, () => {
      expect({ ran, notApplicable: notApplicable.size }).toEqual(expected);
      for (const [name, reason] of notApplicable) expect(reason, name).toBeTypeOf("string");
      expect(ran + notApplicable.size).toBe(journalConformance.length);
    });
  });
}
