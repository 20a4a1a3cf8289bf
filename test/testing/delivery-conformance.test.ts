import { createMemoryJournal } from "holdfast/memory";
import {
  deliveryConformance,
  messageStoreConformance,
  type DeliveryStore,
  type MessageStoreContext,
} from "holdfast/testing";
import { describe, expect, test } from "vitest";
import { caught } from "./cases.ts";
import { contextOn } from "./delivery-context.ts";
import { storeMutants } from "./message-mutants.ts";

const openOf = (create: () => DeliveryStore): MessageStoreContext => ({ open: create });

test.each([
  ["message store", messageStoreConformance],
  ["delivery", deliveryConformance],
] as const)("every case of the %s suite has a name of its own", (_, cases) => {
  const names = cases.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

/** The claim breaks on the store; a case of another name may catch it too. */
async function breaks(suite: "store" | "delivery", name: string, create: () => DeliveryStore): Promise<void> {
  const cases = suite === "store" ? messageStoreConformance : deliveryConformance;
  const one = cases.find((candidate) => candidate.name === name);
  if (one === undefined) throw new Error(`There is no case "${name}".`);
  const store = create();
  const { close, ...delivery } = contextOn(() => store);
  try {
    await expect(one.run({ ...openOf(create), ...delivery })).rejects.toMatchObject({ code: "ERR_ASSERTION" });
  } finally {
    await close();
  }
}

describe("catches a store that", () => {
  for (const { flaw, by, suite, create } of storeMutants) test(flaw, () => breaks(suite, by, create));
});

test("catches two instances that do not share their store", async () => {
  const names = await caught(messageStoreConformance, ["instances"], () => openOf(createMemoryJournal));
  const needing = messageStoreConformance.filter(({ needs = [] }) => needs.includes("instances"));
  expect(names).toEqual(needing.map(({ name }) => name));
  expect(names.length).toBe(3);
}, 60_000);
