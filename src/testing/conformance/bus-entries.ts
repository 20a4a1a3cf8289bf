import { deepEqual, equal, ok } from "node:assert/strict";
import type { Publication } from "../../core/broker/bus.ts";
import { isHoldfastError } from "../../core/errors.ts";
import type { BusCase } from "./bus-case.ts";
import { allTaken, busApp, type Data, eventOf, hostile, idsOf, parcelOf, streamOf } from "./bus-fixtures.ts";

const many = Array.from({ length: 25 }, (_, i) => `m${i}`);

function sorted(ids: readonly string[]): readonly string[] {
  return ids.toSorted();
}

/** JSON text of so many bytes. */
function bodyOf(id: string, bytes: number): string {
  const frame = JSON.stringify({ id, text: "" }).length;
  return JSON.stringify({ id, text: "x".repeat(bytes - frame) });
}

const kib = 1_024;

export const entryCases: readonly BusCase[] = [
  {
    name: "answers for each event and each message, and for none where there is none",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      deepEqual(await bus.publish([]), []);
      deepEqual(await bus.send("sends", []), []);
      allTaken(await bus.publish(many.map((id) => eventOf(id, id))), 25);
      allTaken(
        await bus.send(
          "sends",
          many.map((id) => parcelOf(id, { stream: streamOf(id) })),
        ),
        25,
      );
      allTaken(
        await bus.send(
          "queue:work",
          many.map((id) => parcelOf(id)),
        ),
        25,
      );
      for (const consumer of ["subscription:all", "sends", "queue:work"]) {
        deepEqual(sorted(idsOf(await drain(consumer))), sorted(many), consumer);
      }
    },
  },
  {
    name: "takes an event that nobody has subscribed to",
    async run(context) {
      const { bus } = await context.open(busApp);
      allTaken(await bus.publish([{ ...eventOf("a", "a0"), type: "thing.nobodys" }]), 1);
    },
  },
  {
    name: "puts each consumer's messages into its own queue",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      const consumers = ["sends", "timers", "queue:work", "subscription:all", "subscription:others"];
      for (const consumer of consumers) await bus.send(consumer, [parcelOf(`for ${consumer}`)]);
      for (const consumer of consumers) deepEqual(idsOf(await drain(consumer)), [`for ${consumer}`]);
    },
  },
  {
    name: "hands out nothing twice once it is done",
    async run(context) {
      const { bus, drain, advance } = await context.open(busApp);
      await bus.publish([eventOf("a", "a0")]);
      await bus.send("queue:work", [parcelOf("m0")]);
      equal((await drain("subscription:all")).length, 1);
      equal((await drain("queue:work")).length, 1);
      await advance(3_600_000);
      equal((await drain("subscription:all")).length, 0);
      equal((await drain("queue:work")).length, 0);
    },
  },
  {
    name: "drops an event that is published again within five minutes under its id",
    needs: ["duplicates"],
    async run(context) {
      const { bus, drain, advance } = await context.open(busApp);
      const event = eventOf("a", "a0");
      allTaken(await bus.publish([event]), 1);
      allTaken(await bus.publish([event]), 1);
      deepEqual(idsOf(await drain("subscription:all")), ["a0"]);
      await advance(60_000);
      allTaken(await bus.publish([event]), 1);
      deepEqual(idsOf(await drain("subscription:all")), []);
    },
  },
  {
    name: "drops a message in an ordered queue that is sent again within five minutes under its id",
    needs: ["duplicates"],
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      const parcel = parcelOf("m0", { stream: streamOf("a") });
      allTaken(await bus.send("sends", [parcel]), 1);
      allTaken(await bus.send("sends", [parcel, parcelOf("m1", { stream: streamOf("a") })]), 2);
      deepEqual(idsOf(await drain("sends")), ["m0", "m1"]);
    },
  },
  {
    name: "takes events of 160 KiB with the longest values of fields, several in a call, and hands them out whole",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      const long = "\uffff".repeat(20_000);
      const data: Data = { text: long, count: 1, flag: true, mixed: long, type: long, prefix: long };
      const events: readonly Publication[] = many
        .slice(0, 5)
        .map((id) => ({ ...eventOf(id, id, data), body: bodyOf(id, 160 * kib) }));
      allTaken(await bus.publish(events), 5);
      const bodies = (await drain("subscription:all")).map(({ body }) => body);
      ok(bodies.toSorted().every((body, i) => body === events.map((event) => event.body).toSorted()[i]));
      equal(bodies.length, 5);
    },
  },
  {
    name: "takes messages of 255 KiB, and many whose sizes fill several requests",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      const sizes = [255, 1, 100, 156, 200, 57, 128, 128, 1, 255];
      const parcels = sizes.map((size, i) => parcelOf(`m${i}`, { body: bodyOf(`m${i}`, size * kib) }));
      allTaken(await bus.send("queue:work", parcels), sizes.length);
      const found = new Set((await drain("queue:work")).map(({ body }) => body));
      ok(parcels.every(({ body }) => found.has(body)));
      equal(found.size, sizes.length);
    },
  },
  {
    name: "refuses the message that is too large, and takes those beside it",
    needs: ["bounds"],
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      const parcels = [parcelOf("m0"), parcelOf("m1", { body: bodyOf("m1", 256 * kib + 1) }), parcelOf("m2")];
      const results = await bus.send("queue:work", parcels);
      equal(results.length, 3);
      ok(isHoldfastError(results[1], "message-too-large") && results[1].retry === "never");
      deepEqual([results[0], results[2]], [undefined, undefined]);
      deepEqual(sorted(idsOf(await drain("queue:work"))), ["m0", "m2"]);
    },
  },
  {
    name: "carries every text",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      const bodies = hostile.map((text, i) => JSON.stringify({ id: `m${i}`, text }));
      await bus.send(
        "queue:work",
        bodies.map((body, i) => parcelOf(`m${i}`, { body })),
      );
      await bus.publish(bodies.map((body, i) => ({ ...eventOf(`e${i}`, `e${i}`), body })));
      for (const consumer of ["queue:work", "subscription:all"]) {
        const texts = (await drain(consumer)).map(({ body }) => (JSON.parse(body) as { readonly text: string }).text);
        deepEqual(texts.toSorted(), hostile.toSorted(), consumer);
      }
    },
  },
  {
    name: "carries the attributes of a message",
    async run(context) {
      const { bus, drain } = await context.open(busApp);
      const attributes = { messageid: "m0", "x.trace-id_1": "ÄÖ 'a' \"b\" <c>" };
      allTaken(await bus.send("queue:work", [parcelOf("m0", { attributes }), parcelOf("m1")]), 2);
      const found = new Map((await drain("queue:work")).map((message) => [idsOf([message])[0], message.attributes]));
      deepEqual(
        found,
        new Map<string, object>([
          ["m0", attributes],
          ["m1", {}],
        ]),
      );
    },
  },
];
