import { measureHot } from "../cloud/hot.ts";
import { atOnce, median, perSecond, timed, type Benchmark, type Row } from "../harness.ts";
import { addItem, itemOf, opaqueKey } from "../workload.ts";
import { deployments } from "./apps.ts";
import { getAndUpdate } from "./by-hand.ts";
import { openAzure } from "./emulators.ts";
import { openInstance, system } from "./instance.ts";
import type { Instance } from "./internals.ts";

/** Events of the hot cart that are published in one go. */
const eventsCount = 300;

/** How fast the events of one entity reach the broker: one after the other, each when the one before it is there. */
async function published({ runtime, publisher }: Instance): Promise<number> {
  const ms = await timed(async () => {
    await atOnce(16, eventsCount, (i) => addItem(runtime, "hot", opaqueKey(), itemOf(i)));
    await publisher.idle();
  });
  return perSecond({ count: eventsCount, ms });
}

/** Sixteen callers, one cart. */
export const hot: Benchmark = {
  name: "hot",
  async run(bench) {
    const azure = await bench.shared(openAzure);
    await azure.table("hot");
    const client = azure.tableClient("hot");
    const instance = openInstance({
      ...deployments.shop,
      table: azure.tableClient("hot"),
      serviceBus: azure.serviceBusClient(),
      system,
    });
    const { runtime, publisher } = instance;
    const rows = await measureHot(bench, {
      runtime,
      idle: publisher.idle,
      how: "get + update",
      byHand: (baseMs, change) => getAndUpdate(client, "hot", baseMs, change),
    });
    const rates: number[] = [];
    for (let round = 0; round < bench.rounds; round++) rates.push(await published(instance));
    await runtime.close();
    const events: Row = {
      name: "its events, until they are with the broker",
      value: median(rates),
      unit: "events/s",
      ratio: null,
      against: null,
      bound: null,
    };
    return [...rows, events];
  },
};
