import { expect, test } from "vitest";
import { derivedKey } from "../../../src/core/messaging/handler.ts";

// For ever: a cause that makes another key after a deploy has its effect twice. See docs/format.md.
test.each([
  [
    { id: "0123456789abcdefghij-1", born: 1767225600000 },
    ["subscription:fulfilment", "shipment\0s1\0prepare", "0", ""],
    "hf1.1767225600000.yUgQNxlKFqwtt7_4i_EEfBQAjmzQDrqX",
  ],
  [
    { id: "0123456789abcdefghij-m1", born: 1767225600000 },
    ["send"],
    "hf1.1767225600000.xuTK7T9edXXH6JHWzRtosrbXAiu_0F3v",
  ],
  [{ id: "0123456789abcdefghij-tlater", born: undefined }, ["timer"], "hd1.QZ69Z1YTKD_VMtawRY53xtT6xO8s5scK"],
  [
    { id: "imports/r1", born: undefined },
    ["worker:imports", "total\0all\0count", "0", ""],
    "hd1.a9gHOM2xv0Mb6p2IroH9poPc6sf0HnJf",
  ],
] as const)("the cause %j and the parts %j make the key that they have always made", (cause, parts, key) => {
  expect(derivedKey(cause, parts)).toBe(key);
});
