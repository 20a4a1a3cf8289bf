import type { App } from "../../core/app.ts";
import type { Bus } from "../../core/broker/bus.ts";
import { backfillParcels } from "../../core/broker/catch-up.ts";
import type { Committed } from "../../core/broker/outbox.ts";
import type { PlaceStore } from "../../core/broker/places.ts";
import { subscriptionConsumer } from "../../core/delivery/subscriptions.ts";
import type { Journal } from "../../core/journal/port.ts";
import type { SubscriptionDefinition } from "../../core/messaging/definition.ts";
import { createRuntime } from "../../core/runtime/runtime.ts";
import { CliError } from "../cli-error.ts";
import { type Pause, sendAll } from "./send-all.ts";

export interface BackfillPorts {
  readonly app: App;
  readonly journal: Journal;
  readonly bus: Pick<Bus, "send">;
  readonly places: PlaceStore;
  /** All of the journal, each stream's records in its order. */
  readonly pages: AsyncIterable<readonly Committed[]>;
  readonly now: () => number;
  readonly pause: Pause;
  /** Is told how many records were looked at. */
  readonly report: (records: number) => void;
}

/** How far this machine's clock may be behind the broker's, milliseconds. */
const skewMaxMs = 300_000;

/** Of an app: the subscriptions that begin at the beginning, or the one of that name. @throws CliError where it is no such one */
export function beginning(app: App, name: string | undefined): readonly SubscriptionDefinition[] {
  const all = [...app.subscriptions.values()].filter(({ from }) => from === "beginning");
  if (name === undefined) return all;
  const found = all.filter((definition) => definition.name === name);
  if (found.length > 0) return found;
  const there = all.length === 0 ? "None of the app does." : `There are ${all.map((one) => one.name).join(", ")}.`;
  throw new CliError(`No subscription "${name}" begins at the beginning (from: "beginning"). ${there}`, 2);
}

/**
 * Has subscriptions handle what was committed before their queues were there: a message for each stream. Under way again,
 * it sends the same once more, which changes nothing. Answers how many streams each of them was told of.
 * @throws CliError where a queue does not take a message
 */
export async function backfillInto(
  { app, journal, bus, places, pages, now, pause, report }: BackfillPorts,
  definitions: readonly SubscriptionDefinition[],
): Promise<ReadonlyMap<string, number>> {
  const runtime = createRuntime(app, { journal });
  // Only their filters are asked; nothing is handled here.
  const specs = definitions.map((definition) => subscriptionConsumer({ runtime, journal, services: {} }, definition));
  const told = new Map(definitions.map(({ name }) => [name, 0]));
  let looked = 0;
  try {
    for await (const page of pages) {
      for (const [i, spec] of specs.entries()) {
        const parcels = backfillParcels(spec, page);
        const errors = await sendAll(bus, spec.name, parcels, pause);
        const error = errors.find((one) => one !== undefined);
        if (error) {
          throw new CliError(
            `The backfill of ${spec.name} has stopped: ${error.message}\nRun it again: what it has sent does no harm.`,
          );
        }
        const name = definitions[i]?.name ?? "";
        told.set(name, (told.get(name) ?? 0) + parcels.length);
      }
      looked += page.length;
      report(looked);
    }
    for (const { name } of specs) await places.setBackfilled(name, now() + skewMaxMs);
  } finally {
    await runtime.close();
  }
  return told;
}
