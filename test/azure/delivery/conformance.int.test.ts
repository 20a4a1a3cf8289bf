import { deliveryConformance } from "holdfast/testing";
import { describe, vi } from "vitest";
import { onBrokers } from "../../core/broker/host.ts";
import { describeCases } from "../../testing/cases.ts";
import { useTables } from "../tables/fixtures.ts";
import { azureContext } from "./context.ts";

const tables = useTables();

// The longest sends ten thousand events through both emulators, one by one.
vi.setConfig({ testTimeout: 900_000 });

describe("with the real SDKs", () => {
  describeCases({
    title: "the delivery conformance suite on Table storage, Service Bus and the functions of Azure",
    cases: deliveryConformance,
    ...onBrokers,
    context: () => azureContext(tables),
  });
});
