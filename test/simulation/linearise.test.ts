import { createRandom } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { linearise, type Model, type Observed } from "../../src/simulation/linearise.ts";

/** A register: `write` returns nothing, `read` what was written last, `add` the sum. */
interface Operation extends Observed {
  readonly kind: "write" | "read" | "add";
  readonly value: number;
}

const register: Model<{ readonly value: number }, Operation> = {
  initial: { value: 0 },
  apply(state, { kind, value, answered }) {
    if (kind === "read") return state.value === value ? state : undefined;
    if (kind === "write") return state.value === value ? state : { value };
    // Of an addition the sum was observed, if anybody has heard of it.
    const sum = state.value + 1;
    return answered === Infinity || sum === value ? { value: sum } : undefined;
  },
  reads: ({ kind }) => kind === "read",
  hash: ({ value }) => String(value),
};

const at = (invoked: number, answered: number, kind: Operation["kind"], value: number): Operation => ({
  invoked,
  answered,
  kind,
  value,
});

describe("a history is linearisable", () => {
  const cases: readonly (readonly [string, readonly Operation[]])[] = [
    ["that is empty", []],
    ["whose reads see what was written before", [at(1, 2, "write", 5), at(3, 4, "read", 5)]],
    ["whose read sees a write that has not been answered", [at(1, 9, "write", 5), at(2, 3, "read", 5)]],
    ["whose overlapping read sees what was before", [at(1, 4, "write", 5), at(2, 3, "read", 0)]],
    ["whose unanswered write was never seen", [at(1, Infinity, "write", 5), at(2, 3, "read", 0)]],
    [
      "whose unanswered write is seen late",
      [
        at(1, Infinity, "write", 5),
        at(2, 3, "read", 0),
        at(4, 5, "write", 7),
        at(6, 7, "read", 7),
        at(8, 9, "read", 5),
      ],
    ],
    [
      "whose overlapping writes took place in the other order",
      [at(1, 10, "write", 1), at(2, 9, "write", 2), at(11, 12, "read", 1)],
    ],
    ["whose sums tell the order", [at(1, 10, "add", 3), at(2, 9, "add", 1), at(3, 8, "add", 2)]],
    ["with an addition that nobody heard of", [at(1, Infinity, "add", 0), at(2, 3, "add", 2)]],
  ];
  test.each(cases)("%s", (_name, operations) => expect(linearise(operations, register)).toBeUndefined());
});

describe("a history is not linearisable", () => {
  const cases: readonly (readonly [string, readonly Operation[]])[] = [
    ["that reads what nobody wrote", [at(1, 2, "read", 5)]],
    ["that reads what is out of date", [at(1, 2, "write", 5), at(3, 4, "read", 0)]],
    ["that sees a write, and then does not", [at(1, 10, "write", 5), at(2, 3, "read", 5), at(4, 5, "read", 0)]],
    [
      "that sees two writes in different orders",
      [at(1, 20, "write", 1), at(2, 21, "write", 2), at(3, 4, "read", 1), at(5, 6, "read", 2), at(7, 8, "read", 1)],
    ],
    ["that adds up wrongly", [at(1, 2, "add", 1), at(3, 4, "add", 1)]],
    ["that has lost an addition", [at(1, 2, "add", 1), at(3, 4, "read", 0)]],
    ["that does something twice", [at(1, 2, "add", 1), at(3, 4, "read", 2)]],
  ];
  test.each(cases)("%s", (_name, operations) => expect(linearise(operations, register)).toBeDefined());
});

/** Every order of the operations, as slow as it is certain. */
function byHand(operations: readonly Operation[]): boolean {
  const search = (left: readonly Operation[], state: { readonly value: number }): boolean => {
    if (left.every(({ answered }) => answered === Infinity)) return true;
    const first = Math.min(...left.map(({ answered }) => answered));
    return left.some((operation) => {
      const next = operation.invoked < first ? register.apply(state, operation) : undefined;
      return (
        next !== undefined &&
        search(
          left.filter((other) => other !== operation),
          next,
        )
      );
    });
  };
  return search(operations, register.initial);
}

test("it agrees with trying every order, for thousands of histories of both kinds", () => {
  const random = createRandom(7);
  let held = 0;
  const rounds = 4_000;
  for (let round = 0; round < rounds; round++) {
    const count = 2 + Math.floor(random() * 5);
    const times = Array.from({ length: 2 * count }, (_, i) => i + 1).toSorted(() => random() - 0.5);
    const operations = Array.from({ length: count }, (_, i): Operation => {
      const [a = 0, b = 0] = [times[2 * i], times[2 * i + 1]];
      const kind = (["write", "read", "add"] as const)[Math.floor(random() * 3)] ?? "read";
      const answered = kind !== "read" && random() < 0.15 ? Infinity : Math.max(a, b);
      return at(Math.min(a, b), answered, kind, Math.floor(random() * 4));
    }).toSorted((a, b) => a.invoked - b.invoked);
    const expected = byHand(operations);
    if (expected) held++;
    expect(linearise(operations, register) === undefined, JSON.stringify(operations)).toBe(expected);
  }
  // Neither kind is rare.
  expect(held).toBeGreaterThan(rounds / 10);
  expect(held).toBeLessThan(rounds * 0.9);
});
