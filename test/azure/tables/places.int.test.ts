import { createSystem } from "holdfast";
import { placeConformance } from "holdfast/testing";
import { describe } from "vitest";
import { createTablesPlaces } from "holdfast/azure/tables";
import { describeCases } from "../../testing/cases.ts";
import { freshTable, useTables } from "./fixtures.ts";

const emulator = useTables();

describe("with the real SDK", () => {
  describeCases({
    title: "the conformance suite for places on Table storage",
    cases: placeConformance,
    has: [],
    lacks: {},
    expected: { ran: 5, notApplicable: 0 },
    context: () => {
      const table = freshTable(emulator);
      const open = async () => {
        await table.make();
        return createTablesPlaces({ client: table.client().client, system: createSystem() });
      };
      return { open, close: table.close };
    },
  });
});
