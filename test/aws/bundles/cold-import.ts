import { ask } from "./loaded.ts";

/** What importing a bundle takes: medians over fresh processes, milliseconds. */
export interface ColdImport {
  /** From before `import()` until the handler is there. */
  readonly importMs: number;
  /** Processor time of the same, which others on the machine change less. */
  readonly cpuMs: number;
  /** From the start of the process. */
  readonly sinceStartMs: number;
}

/** Imports each bundle `times` times, in turn, each in a process of its own, without a compile cache. */
export function coldImports(entries: readonly string[], times: number): readonly ColdImport[] {
  const runs = entries.map((): ColdImport[] => []);
  for (let i = 0; i < times; i++) {
    for (const [j, entry] of entries.entries()) runs[j]?.push(ask<ColdImport>("time", entry));
  }
  return runs.map((of) => ({
    importMs: median(of.map(({ importMs }) => importMs)),
    cpuMs: median(of.map(({ cpuMs }) => cpuMs)),
    sinceStartMs: median(of.map(({ sinceStartMs }) => sinceStartMs)),
  }));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
