import type { Evidence } from "../evidence.ts";
import type { Violation } from "../options.ts";
import type { Checker } from "./checker.ts";
import { committed, dead, delivered, effects, ordered, rest, sends, timers } from "./delivery.ts";
import { linearisable } from "./linearisable.ts";
import { acknowledged, dense, fresh, once, rejections, snapshots } from "./stored.ts";

/** What is promised, a checker each. */
const checkers: readonly Checker[] = [
  dense,
  once,
  acknowledged,
  rejections,
  snapshots,
  fresh,
  linearisable,
  committed,
  delivered,
  ordered,
  effects,
  sends,
  timers,
  dead,
  rest,
];

/** All that is wrong, at most three examples from each checker. */
export function check(evidence: Evidence): readonly Violation[] {
  return checkers.flatMap(({ name, check }) =>
    check(evidence)
      .slice(0, 3)
      .map((message) => ({ checker: name, message })),
  );
}
