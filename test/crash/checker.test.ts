import { createRuntime, systemPrincipal, type Journal, type StoredRecord } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import shop from "../../examples/shop/app.ts";
import { check, type Answered, type Observed } from "./checker.ts";

/** Runs a small workload on a journal and looks at it as the crash test does. */
async function observe(journal: Journal): Promise<Observed> {
  const runtime = createRuntime(shop, { journal, system: createVirtualSystem() });
  const answered: Answered[] = [];
  const request = (key: string, quantity: number) => ({
    entity: "cart",
    id: "c0",
    command: "addItem",
    input: { productId: "p", name: "Thing", quantity },
    key,
    principal: systemPrincipal,
  });
  let clock = 0;
  for (let n = 0; n < 30; n++) {
    const sentAt = ++clock;
    const outcome = await runtime.execute(request(`k${n}`, 1 + (n % 3)));
    const { version } = outcome;
    answered.push({ client: 0, id: "c0", key: `k${n}`, quantity: 1 + (n % 3), version, sentAt, answeredAt: ++clock });
  }
  const fresh = createRuntime(shop, { journal, system: createVirtualSystem({ seed: 2 }) });
  const { view, version } = await fresh.view({ entity: "cart", id: "c0", principal: systemPrincipal });
  const { items } = view as unknown as { readonly items: readonly { readonly quantity: number }[] };
  const quantity = items.reduce((sum, item) => sum + item.quantity, 0);
  const records = await journal.history({ tenant: "default", entity: "cart", id: "c0" }, { after: 0, limit: 1_000 });
  const replays = [];
  for (const { key, quantity } of answered) {
    const outcome = await fresh.execute(request(key, quantity));
    replays.push({ key, version: outcome.version, replayed: outcome.replayed });
  }
  return { answered, streams: new Map([["c0", records]]), views: new Map([["c0", { quantity, version }]]), replays };
}

/** What a journal shows after the crash, changed by the way in which it is broken. */
const showing =
  (change: (records: readonly StoredRecord[]) => readonly StoredRecord[]) => async (): Promise<Observed> => {
    const observed = await observe(createMemoryJournal());
    return { ...observed, streams: new Map([...observed.streams].map(([id, records]) => [id, change(records)])) };
  };

test("finds nothing wrong with a sound journal", async () => {
  expect(check(await observe(createMemoryJournal()))).toEqual([]);
});

test.each<readonly [string, string, () => Promise<Observed>]>([
  ["loses the end of a stream", "durable", showing((records) => records.slice(0, -2))],
  ["loses a record in the middle", "dense", showing((records) => records.toSpliced(10, 1))],
  [
    "loses a record and closes the gap",
    "durable",
    showing((records) => {
      const kept = records.toSpliced(10, 1);
      return kept.map((record, i) => ({ ...record, sequence: i + 1, previous: kept[i - 1]?.id ?? "" }));
    }),
  ],
  [
    "doubles a record",
    "once",
    showing((records) => {
      const last = records.at(-1) as StoredRecord;
      return [...records, { ...last, sequence: last.sequence + 1, previous: last.id, version: last.version + 1 }];
    }),
  ],
  [
    "reorders two records",
    "chain",
    showing((records) =>
      records.map(
        (record, i) =>
          (i === 5
            ? { ...records[6], sequence: 6 }
            : i === 6
              ? { ...records[5], sequence: 7 }
              : record) as StoredRecord,
      ),
    ),
  ],
  [
    "reorders two records and mends the chain",
    "answer",
    showing((records) => {
      const [a, b] = [records[5] as StoredRecord, records[6] as StoredRecord];
      const swapped = records.toSpliced(5, 2, { ...a, entries: b.entries }, { ...b, entries: a.entries });
      return swapped;
    }),
  ],
])("catches a journal that %s (%s)", async (_name, kind, broken) => {
  expect((await broken()).answered.length).toBe(30);
  expect(check(await broken()).some((violation) => violation.startsWith(kind))).toBe(true);
});

test("catches a journal that forgets keys, at run time", async () => {
  const inner = createMemoryJournal();
  const forgetful: Journal = {
    ...inner,
    load: async (stream, after) => {
      const loaded = await inner.load(stream, after);
      const records = loaded.records.map((record) => ({
        ...record,
        entries: record.entries.replaceAll(/"key":"[^"]+",/g, ""),
      }));
      return { ...loaded, records };
    },
  };
  const violations = check(await observe(forgetful));
  expect(violations.some((violation) => violation.startsWith("replay"))).toBe(true);
});

test("catches answers that come in another order than their effects", () => {
  const answer = (n: number, version: number): Answered => ({
    client: 0,
    id: "c0",
    key: `k${n}`,
    quantity: 1,
    version,
    sentAt: n * 2,
    answeredAt: n * 2 + 1,
  });
  const observed = { answered: [answer(1, 2), answer(2, 1)], streams: new Map(), views: new Map(), replays: [] };
  expect(check(observed).some((violation) => violation.startsWith("order"))).toBe(true);
});
