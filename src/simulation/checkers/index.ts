import type { Evidence } from "../evidence.ts";
import type { Violation } from "../options.ts";
import type { Checker } from "./checker.ts";
import { acknowledged } from "./acknowledged.ts";
import { dead } from "./dead.ts";
import { committed, delivered } from "./delivered.ts";
import { effects } from "./effects.ts";
import { erased } from "./erased.ts";
import { linearisable } from "./linearisable.ts";
import { ordered } from "./ordered.ts";
import { prompt } from "./prompt.ts";
import { refused } from "./refused.ts";
import { rest } from "./rest.ts";
import { sends } from "./sends.ts";
import { dense, fresh, once, rejections, snapshots } from "./stored.ts";
import { ticks } from "./ticks.ts";
import { timers } from "./timers.ts";

/** What is promised, a checker each. */
const checkers: readonly Checker[] = [
  dense,
  once,
  acknowledged,
  refused,
  rejections,
  erased,
  snapshots,
  fresh,
  linearisable,
  committed,
  delivered,
  prompt,
  ordered,
  effects,
  sends,
  timers,
  ticks,
  dead,
  rest,
];

/** All that is wrong, at most three examples from each checker; one that cannot look does not keep the others from it. */
export function check(evidence: Evidence): readonly Violation[] {
  return checkers.flatMap(({ name, check }) => {
    try {
      return check(evidence)
        .slice(0, 3)
        .map((message) => ({ checker: name, message }));
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return [{ checker: name, message: `It cannot look: ${reason}` }];
    }
  });
}
