import { systemPrincipal, type Journal, type StoredRecord } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import type { Sighting } from "../app.ts";
import { createWorkload, observe as observeDelivery, startInstance, type Instance } from "../memory/virtual.ts";
import type { Observed, Shown, Told } from "../observed.ts";
import { check } from "./index.ts";

const account = { entity: "account", id: "a0" } as const;

/** Runs a small workload on a journal, as clients see it; everything is asked for again by a second instance. */
async function observe(journal = createMemoryJournal(), broken: Journal = journal): Promise<Observed> {
  const system = createVirtualSystem();
  const sightings: Sighting[] = [];
  const workload = createWorkload();
  const told: Told[] = [];
  const shown: Shown[] = [];
  let clock = 0;

  async function run({ runtime }: Instance, command: string, key: string, amount: number): Promise<Told> {
    const from = ++clock;
    const input = { mark: key, amount };
    const outcome = await runtime.execute({ ...account, command, key, input, principal: systemPrincipal });
    const { version, replayed } = outcome;
    const result: Told["result"] = outcome.ok
      ? { ok: true, reply: outcome.reply, version, replayed }
      : { ok: false, code: outcome.code, version };
    return { ...account, command, key, input, span: { from, to: ++clock }, attempts: 1, result };
  }

  const first = await startInstance(journal, system, sightings);
  for (let n = 0; n < 10; n++) {
    told.push(await run(first, "deposit", `d${n}`, 1 + (n % 3)));
    told.push(await run(first, n % 2 === 0 ? "withdraw" : "charge", `w${n}`, n % 3 === 0 ? 100 : 1));
    const from = ++clock;
    const { view, version } = await first.runtime.view({ ...account, principal: systemPrincipal });
    // What the app's own view is.
    shown.push({ id: account.id, span: { from, to: ++clock }, view: view as unknown as Shown["view"], version });
    await workload.ask(first);
    await system.clock.advance(30_000);
  }
  await system.clock.advance(600_000);
  await first.delivery.close(0);
  const second = await startInstance(journal, system, sightings, broken);
  const again: Told[] = [];
  for (const { key, command, input, result } of told) {
    if (result.ok) again.push(await run(second, command, key, input.amount ?? 0));
  }
  await second.delivery.close(0);
  const delivered = await observeDelivery(journal, sightings, workload);
  return { ...delivered, told, shown, again, watched: [], deeds: [], wire: [], full: [], odd: [] };
}

const sound = await observe();

/** The observation with other records in the stream of the account. */
function storing(change: (records: readonly StoredRecord[]) => readonly StoredRecord[]): Observed {
  const isAccount = ({ stream }: Observed["records"][number]): boolean => stream.entity === "account";
  const [of] = sound.records.filter(isAccount);
  if (of === undefined) throw new Error("There is no account.");
  const changed = change(sound.records.filter(isAccount).map(({ record }) => record));
  return {
    ...sound,
    records: [
      ...sound.records.filter((one) => !isAccount(one)),
      ...changed.map((record) => ({ stream: of.stream, record })),
    ],
  };
}

/** The observation with one answer changed: the first that is accepted, or rejected. */
function telling(ok: boolean, change: (told: Told) => Told, from: readonly Told[] = sound.told): readonly Told[] {
  const chosen = from.findIndex(({ result }) => result.ok === ok);
  return from.map((told, i) => (i === chosen ? change(told) : told));
}

const withResult = (change: object) => (told: Told) => ({ ...told, result: { ...told.result, ...change } });
const span = { from: 10, to: 20 };
const wire = { key: "k", span: { from: 12, to: 18 }, status: 204, replayed: false };

test("finds nothing wrong with a sound history, in which there was something of each kind", () => {
  expect(check(sound)).toEqual([]);
  expect(sound.told.filter(({ result }) => result.ok).length).toBeGreaterThan(10);
  expect(new Set(sound.told.flatMap(({ command, result }) => (result.ok ? [] : [command])))).toEqual(
    new Set(["withdraw", "charge"]),
  );
  expect(sound.shown.length).toBe(10);
  expect(sound.again.length).toBeGreaterThan(10);
});

test.each<readonly [string, RegExp, () => Observed]>([
  ["loses the end of a stream", /^durable: /, () => storing((records) => records.slice(0, -2))],
  ["loses a record in the middle", /^dense: /, () => storing((records) => records.toSpliced(5, 1))],
  [
    "loses a record and closes the gap",
    /^durable: /,
    () =>
      storing((records) => {
        const kept = records.toSpliced(5, 1);
        return kept.map((record, i) => ({ ...record, sequence: i + 1, previous: kept[i - 1]?.id ?? "" }));
      }),
  ],
  [
    "doubles a record",
    /^once: /,
    () =>
      storing((records) => {
        const last = records.at(-1) as StoredRecord;
        return [...records, { ...last, sequence: last.sequence + 1, previous: last.id, version: last.version + 1 }];
      }),
  ],
  [
    "reorders two records",
    /^chain: /,
    () =>
      storing((records) => {
        const [a, b] = [records[5] as StoredRecord, records[6] as StoredRecord];
        return records.toSpliced(5, 2, { ...b, sequence: 6 }, { ...a, sequence: 7 });
      }),
  ],
  [
    "reorders what two records hold",
    /^answer: /,
    () =>
      storing((records) => {
        const [a, b] = [records[0] as StoredRecord, records[3] as StoredRecord];
        return records.with(0, { ...a, entries: b.entries }).with(3, { ...b, entries: a.entries });
      }),
  ],
  [
    "counts versions wrongly",
    /^version: /,
    () => storing((records) => records.map((record, i) => (i === 4 ? { ...record, version: 99 } : record))),
  ],
  [
    "stores another reply",
    /^answer: .* stored is \{"balance":4711\}/,
    () =>
      storing((records) =>
        records.map((record) => ({ ...record, entries: record.entries.replace(/"balance":\d+/, '"balance":4711') })),
      ),
  ],
  [
    "has another effect than was asked for",
    /^effect: /,
    () =>
      storing((records) =>
        records.map((record) => ({ ...record, entries: record.entries.replace('"mark":"d3"', '"mark":"d4"') })),
      ),
  ],
  [
    "answers with another reply",
    /^answer: .* the events say /,
    () => ({ ...sound, told: telling(true, withResult({ reply: { balance: -1 } })) }),
  ],
  [
    "answers with another version",
    /^answer: .* was told 99/,
    () => ({ ...sound, told: telling(true, withResult({ version: 99 })) }),
  ],
  [
    "stores what it has rejected",
    /^rejected: .* and is stored/,
    () => ({ ...sound, told: telling(true, withResult({ ok: false, code: "insufficient-funds" })) }),
  ],
  [
    "rejects without a reason",
    /^rejected: .* while there were /,
    () => ({ ...sound, told: telling(false, (told) => ({ ...told, input: { ...told.input, amount: 0 } })) }),
  ],
  [
    "rejects at a version that never was",
    /^rejected: .* never reached/,
    () => ({ ...sound, told: telling(false, withResult({ version: 4_711 })) }),
  ],
  [
    "forgets a rejection that it was to remember",
    /^rejected: charge .* is not remembered/,
    () => storing((records) => records.filter(({ entries }) => !entries.includes('"rejected"'))),
  ],
  [
    "shows a view that is not the fold",
    /^fold: /,
    () => ({ ...sound, shown: sound.shown.map((one) => ({ ...one, view: { balance: 4_711 } })) }),
  ],
  [
    "shows an old view to a client that knows better",
    /^order: account\/a0 a view has /,
    () => {
      const [first, ...rest] = sound.shown;
      const last = rest.at(-1);
      if (!first || !last) throw new Error("There are no views.");
      return {
        ...sound,
        shown: [...sound.shown, { ...first, span: { from: last.span.to + 1, to: last.span.to + 2 } }],
      };
    },
  ],
  [
    "gives a new command a place before an old one",
    /^order: account\/a0 d0 has 1 after /,
    () => ({ ...sound, told: telling(true, (told) => ({ ...told, span: { from: 1_000, to: 1_001 } })) }),
  ],
  [
    "runs a key again",
    /^replay: .* was run again/,
    () => ({ ...sound, again: telling(true, withResult({ replayed: false }), sound.again) }),
  ],
  [
    "answers a key in another way the second time",
    /^replay: .*, then /,
    () => ({ ...sound, again: telling(true, withResult({ reply: { balance: -1 } }), sound.again) }),
  ],
  [
    "acknowledges while nothing can be stored",
    /^full: k was answered with 204/,
    () => ({ ...sound, full: [{ span, storable: "nothing" }], wire: [wire] }),
  ],
  ["answers with what must not be", /^odd: 500$/, () => ({ ...sound, odd: ["500"] })],
  ["loses a delivery", /^lost: /, () => ({ ...sound, sightings: [] })],
])("catches a target that %s", (_name, violation, broken) => {
  expect(check(broken()).filter((found) => violation.test(found))).not.toEqual([]);
});

test("lets pass what is right while there is no room: replays, refusals, what was asked before, what still fits", () => {
  const harmless = [
    { ...wire, replayed: true },
    { ...wire, status: 503 },
    { ...wire, status: 409 },
    { ...wire, span: { from: 9, to: 18 } },
    { ...wire, span: { from: 12, to: 21 } },
  ];
  expect(check({ ...sound, full: [{ span, storable: "nothing" }], wire: harmless })).toEqual([]);
  expect(check({ ...sound, full: [{ span, storable: "little" }], wire: [wire] })).toEqual([]);
});

test("lets an attempt that its client has given up run after the rejection, unless rejections are remembered", () => {
  const rejected = (command: string, attempts: number) => {
    const told = telling(true, (one) => ({
      ...one,
      command,
      attempts,
      // No more than there are: so far it is the truth.
      input: { ...one.input, amount: 100 },
      result: { ok: false, code: "insufficient-funds", version: 0 },
    }));
    return check({ ...sound, told, again: [] });
  };
  expect(rejected("withdraw", 2)).toEqual([]);
  expect(rejected("withdraw", 1)).not.toEqual([]);
  expect(rejected("charge", 2)).not.toEqual([]);
});

test("catches a journal that forgets keys, at run time", async () => {
  const journal = createMemoryJournal();
  const forgetful: Journal = {
    ...journal,
    load: async (stream, after) => {
      const loaded = await journal.load(stream, after);
      const records = loaded.records.map((record) => ({
        ...record,
        entries: record.entries.replaceAll(/"key":"[^"]+",/g, ""),
      }));
      return { ...loaded, records };
    },
  };
  const violations = check(await observe(journal, forgetful));
  expect(violations.some((violation) => violation.startsWith("replay: "))).toBe(true);
});
