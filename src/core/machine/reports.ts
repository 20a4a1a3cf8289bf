import { checkOptions, declarationError } from "../entity/names.ts";

/**
 * Which of its children a parent has heard of: a JSON value in its data. A child is in one of the lists, once; both are
 * sorted, so that the same reports in any order make the same value.
 */
export interface Reports {
  readonly missing: readonly string[];
  readonly reported: readonly string[];
}

/** Data with reports in that field. */
type Holding<Field extends string> = { readonly [F in Field]: Reports };

/** An event that names a child in that field. */
type Naming<By extends string> = { readonly [B in By]: string };

/** A guard of a transition by which a child reports. */
export type ReportGuard<Field extends string, By extends string> = (data: Holding<Field>, input: Naming<By>) => boolean;

/** What a machine's table and `evolve` say of reports. A child that is none, or has reported before, is let through by no guard. */
export interface ReportRules<Field extends string, By extends string> {
  /** For `evolve`: the child has reported. Counts it once; of a child that is none it changes nothing. */
  readonly count: <Data extends Holding<Field>>(data: Data, event: Naming<By>) => Data;
  /** With this report all children have reported. Never true where there are no children. */
  readonly all: ReportGuard<Field, By>;
  /** A child reports, whichever: the first time that it does. */
  readonly any: ReportGuard<Field, By>;
  /**
   * With this report so many children have reported, or more.
   * @throws HoldfastError `invalid-declaration` for what is no whole number from 1
   */
  readonly atLeast: (count: number) => ReportGuard<Field, By>;
}

const optionNames: ReadonlySet<string> = new Set(["by"]);
const nobody: Reports = { missing: [], reported: [] };

/**
 * Reports that are waited for: of each of these children one. A child that is given twice is one child. Up to a few
 * thousand: a report costs a copy of the lists.
 */
export function reportsOf(children: Iterable<string>): Reports {
  return { missing: [...new Set(children)].toSorted(), reported: [] };
}

/**
 * Rules by which a machine goes on when its children have reported: `const ready = reports("ready", { by: "node" })` for
 * reports in `data.ready`, by events whose `node` is the child's id. Guards see the data before the event, and count the
 * report that they let through.
 * @throws HoldfastError `invalid-declaration` for names that are no texts, and unknown options
 */
export function reports<const Field extends string, const By extends string>(
  field: Field,
  options: { readonly by: By },
): ReportRules<Field, By> {
  const what = `reports ${JSON.stringify(field)}`;
  if (typeof field !== "string" || field === "") {
    throw declarationError(`The first argument of reports is the field of the machine's data, not ${what.slice(8)}.`);
  }
  checkOptions(what, options, optionNames);
  const { by } = options;
  if (typeof by !== "string" || by === "") {
    throw declarationError(`The ${what} need by: the field of the event that names the child.`);
  }
  // Data that were folded before there was the field, and must stay readable: nobody is waited for.
  const of = (data: Holding<Field>): Reports => data[field] ?? nobody;
  const isNews = (data: Holding<Field>, input: Naming<By>): boolean => of(data).missing.includes(input[by]);

  return {
    count(data, event) {
      if (!isNews(data, event)) return data;
      const child: string = event[by];
      const { missing, reported } = of(data);
      const next: Reports = {
        missing: missing.filter((one) => one !== child),
        reported: [...reported, child].toSorted(),
      };
      // The same data, with reports where there were reports.
      return { ...data, [field]: next };
    },
    all: (data, input) => isNews(data, input) && of(data).missing.length === 1,
    any: isNews,
    atLeast(count) {
      if (!Number.isSafeInteger(count) || count < 1) {
        throw declarationError(`atLeast of ${what} takes a whole number from 1, not ${String(count)}.`);
      }
      return (data, input) => isNews(data, input) && of(data).reported.length + 1 >= count;
    },
  };
}
