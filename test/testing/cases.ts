import { describe, expect, test } from "vitest";

/** One case of a conformance suite, of whatever kind. */
interface Case<Need extends string, Context> {
  readonly name: string;
  readonly needs?: readonly Need[];
  run(context: Context): Promise<void>;
}

export interface CasesOn<Need extends string, Context> {
  /** `the message store suite on SQLite` */
  readonly title: string;
  readonly cases: readonly Case<Need, Context>[];
  readonly has: readonly Need[];
  /** Why what is tested has not got the rest, by need. */
  readonly lacks: Readonly<Partial<Record<Need, string>>>;
  /** How many cases have to run, and how many do not apply: a suite that shrinks is noticed. */
  readonly expected: { readonly ran: number; readonly notApplicable: number };
  /** A fresh store. */
  context(): Context & { close(): Promise<void> };
}

/** Runs the cases of a suite as vitest cases, and one more that says how many ran. */
export function describeCases<Need extends string, Context>(suite: CasesOn<Need, Context>): void {
  const { title, cases, has, lacks, expected, context } = suite;
  describe(title, () => {
    let ran = 0;
    const notApplicable = new Map<string, string | undefined>();
    for (const one of cases) {
      const lacking = one.needs?.find((need) => !has.includes(need));
      if (lacking !== undefined) {
        notApplicable.set(one.name, lacks[lacking]);
        continue;
      }
      test(one.name, async () => {
        const fresh = context();
        try {
          await one.run(fresh);
        } finally {
          await fresh.close();
        }
        ran++;
      });
    }

    test(`ran ${expected.ran} cases; ${expected.notApplicable} do not apply, each for a stated reason`, () => {
      expect({ ran, notApplicable: notApplicable.size }).toEqual(expected);
      for (const [name, reason] of notApplicable) expect(reason, name).toBeTypeOf("string");
      expect(ran + notApplicable.size).toBe(cases.length);
    });
  });
}

/** The names of the cases that find something wrong; those that need what is lacking are left out. */
export async function caught<Need extends string, Context>(
  cases: readonly Case<Need, Context>[],
  has: readonly Need[],
  context: () => Context,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const one of cases) {
    if (one.needs?.some((need) => !has.includes(need))) continue;
    try {
      await one.run(context());
    } catch {
      names.push(one.name);
    }
  }
  return names;
}
