import type { DeadLetter } from "../../core/delivery/port.ts";
import { streamKey } from "../../core/runtime/live.ts";
import type { Evidence } from "../evidence.ts";
import type { Handled } from "../history.ts";

/** Runs of handlers, by handler and cause. */
export function runsOf({ history }: Pick<Evidence, "history">): ReadonlyMap<string, readonly Handled[]> {
  const runs = new Map<string, Handled[]>();
  for (const run of history.handled) {
    const name = `${run.handler} ${run.cause}`;
    const found = runs.get(name);
    if (found) found.push(run);
    else runs.set(name, [run]);
  }
  return runs;
}

/** Where a dead letter's part of a record stands: its consumer, its stream, its sequence and its number there. */
export function placeOf({ consumer, stream, sequence, n }: DeadLetter): string {
  return `${consumer} ${stream ? streamKey(stream) : ""} ${sequence} ${n}`;
}
