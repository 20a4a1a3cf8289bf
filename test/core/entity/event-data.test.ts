import { holdfast } from "holdfast";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { upcast } from "../../../src/core/entity/definition.ts";

const noted = z.object({ items: z.array(z.number()) });
const log = holdfast().entity("log", {
  initial: () => 0,
  events: { noted },
  evolve: { noted: (count: number) => count + 1 },
});

describe("a stored event's data", () => {
  const definition = log.definition.events.get("noted");
  if (!definition) throw new Error("the entity knows its event");

  test("are checked and frozen once, for all who ask", () => {
    const event = { type: "noted", data: { items: [1] } };
    const first = upcast(definition, event);
    expect(first).toEqual({ items: [1] });
    expect(Object.isFrozen(first)).toBe(true);
    expect(upcast(definition, event)).toBe(first);
  });

  test("of an event that is frozen are read all the same", () => {
    const event = Object.freeze({ type: "noted", data: { items: [1] } });
    expect(upcast(definition, event)).toEqual({ items: [1] });
  });
});
