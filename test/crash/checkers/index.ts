import type { Observed } from "../observed.ts";
import { checkAnswers } from "./answers.ts";
import { checkDelivery } from "./delivery.ts";
import { checkErrands } from "./errands.ts";
import { checkStreams } from "./streams.ts";

/** What contradicts the promises; empty if nothing does. Independent of the code under test but for reading the format. */
export function check(observed: Observed): readonly string[] {
  return [...checkStreams(observed), ...checkAnswers(observed), ...checkDelivery(observed), ...checkErrands(observed)];
}
