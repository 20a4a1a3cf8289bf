import { HoldfastError } from "holdfast";
import { busConformance, type BusContext, type OpenBus } from "holdfast/testing";
import { createMemoryBroker } from "holdfast/memory";
import { expect, test } from "vitest";
import type { Bus, Parcel, Publication } from "../../../src/core/broker/bus.ts";
import { caught } from "../../testing/cases.ts";
import { memoryContext } from "./bus-context.ts";

type Broken = (broker: ReturnType<typeof createMemoryBroker>, now: () => number) => Partial<Bus>;

/** The broker in memory with something wrong about it. */
function mutant(broken: Broken): () => BusContext {
  return () => ({
    async open(app): Promise<OpenBus> {
      const open = await memoryContext((broker, now) => ({ ...broker, ...broken(broker, now) })).open(app);
      return open;
    },
  });
}

function taken(items: readonly unknown[]): readonly undefined[] {
  return items.map(() => undefined);
}

const mutants: Readonly<Record<string, Broken>> = {
  "loses the last of more than ten": ({ publish, send }) => ({
    publish: async (events) => (await publish(events.slice(0, 10)), taken(events)),
    send: async (consumer, parcels) => (await send(consumer, parcels.slice(0, 10)), taken(parcels)),
  }),
  "answers for the batch as one": ({ publish }) => ({
    publish: async (events) => (await publish(events), events.length > 0 ? [undefined] : []),
  }),
  "says it has taken nothing": ({ publish }) => ({
    publish: async (events) => (await publish(events), events.map(() => new HoldfastError("bus-failed", "x"))),
  }),
  "turns a call around": ({ send }) => ({
    send: (consumer, parcels) => send(consumer, parcels.toReversed()),
  }),
  "sends a stream's calls later and later": (broker) => {
    let held: readonly Publication[] = [];
    return {
      publish: async (events) => {
        const before = held;
        held = events;
        await broker.publish(events.length === 3 ? before : events);
        return taken(events);
      },
    };
  },
  "has one group for all": ({ publish }) => ({
    publish: (events) => publish(events.map((event) => ({ ...event, stream: { ...event.stream, id: "one" } }))),
  }),
  "has a group for each message": ({ publish }) => ({
    publish: (events) => publish(events.map((event) => ({ ...event, stream: { ...event.stream, id: event.id } }))),
  }),
  "knows no duplicates": ({ publish, send }) => {
    let n = 0;
    const fresh = <Item extends Publication | Parcel>(item: Item): Item => ({ ...item, id: `${item.id}${n++}` });
    return {
      publish: (events) => publish(events.map(fresh)),
      send: (consumer, parcels) => send(consumer, parcels.map(fresh)),
    };
  },
  "cuts bodies": ({ publish, send }) => ({
    publish: (events) => publish(events.map((event) => ({ ...event, body: event.body.slice(0, 100_000) }))),
    send: (consumer, parcels) =>
      send(
        consumer,
        parcels.map((parcel) => ({ ...parcel, body: parcel.body.slice(0, 200_000) })),
      ),
  }),
  "replaces what it cannot write": ({ publish }) => ({
    publish: (events) =>
      publish(events.map((event) => ({ ...event, body: event.body.replace(/[\ufffe\uffff]/g, "?") }))),
  }),
  "drops attributes": ({ send }) => ({
    send: (consumer, parcels) =>
      send(
        consumer,
        parcels.map(({ attributes: _attributes, ...parcel }) => parcel),
      ),
  }),
  "has one queue for all workers and timers": ({ send }) => ({
    send: (consumer, parcels) => send(consumer === "timers" ? "queue:work" : consumer, parcels),
  }),
  "sends at once what is to wait": ({ send }) => ({
    send: (consumer, parcels) =>
      send(
        consumer,
        parcels.map(({ notBefore: _notBefore, ...parcel }) => parcel),
      ),
  }),
  "waits for 15 minutes at most": ({ send }, now) => ({
    send: (consumer, parcels) =>
      send(
        consumer,
        parcels.map((parcel) => ({ ...parcel, notBefore: Math.min(parcel.notBefore ?? 0, now() + 900_000) })),
      ),
  }),
  "takes seconds for milliseconds": ({ send }, now) => ({
    send: (consumer, parcels) =>
      send(
        consumer,
        parcels.map((parcel) => ({ ...parcel, notBefore: now() + ((parcel.notBefore ?? 0) - now()) * 1_000 })),
      ),
  }),
  "filters nothing": ({ publish }) => ({
    publish: (events) => publish(events.map((event) => ({ ...event, fields: undefined }))),
  }),
  "filters without a field": ({ publish }) => ({
    publish: (events) => publish(events.map((event) => ({ ...event, fields: event.fields && new Map() }))),
  }),
  "compares values as texts": ({ publish }) => ({
    publish: (events) =>
      publish(
        events.map((event) => ({
          ...event,
          fields: event.fields && new Map([...event.fields].map(([name, value]) => [name, String(value)])),
        })),
      ),
  }),
  "keeps an event whose fields it cannot read": ({ publish }) => ({
    publish: async (events) => (await publish(events.filter(({ fields }) => fields)), taken(events)),
  }),
};

test.each(Object.entries(mutants))("the suite catches a broker that %s", async (_name, broken) => {
  expect(await caught(busConformance, ["duplicates"], mutant(broken))).not.toEqual([]);
});

test("the suite catches a broker that says it has taken what is too large", async () => {
  expect(await caught(busConformance, ["bounds", "duplicates"], () => memoryContext())).toEqual([
    "refuses the message that is too large, and takes those beside it",
  ]);
});

test("the suite finds nothing wrong with the broker in memory", async () => {
  expect(
    await caught(
      busConformance,
      ["duplicates"],
      mutant(() => ({})),
    ),
  ).toEqual([]);
});
