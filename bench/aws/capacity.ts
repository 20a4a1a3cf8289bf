import { createRuntime, type Runtime } from "holdfast";
import { createDynamoJournal } from "holdfast/aws/dynamodb";
import { atOnce, type Bench, type Benchmark, type Row } from "../harness.ts";
import { opaqueKey } from "../workload.ts";
import { getAndPut, withKeyTable } from "./by-hand.ts";
import { app, changeOf, document, stateOf, written, type Sections } from "./document.ts";
import { openDynamo, system, type Dynamo } from "./dynamo.ts";
import { meter, type Units } from "./meter.ts";
import { priceOf } from "./prices.ts";

/**
 * Bytes of JSON. Of 1,000 each, not 1,024: with keys and version they then fit into 1, 2 and 20 write units, which is in
 * favour of the handlers that put the whole state.
 */
const stateBytes = [500, 2_000, 20_000];

/** Holdfast's default, and so the documents'. */
const snapshotEvery = 100;

/** They differ in how far behind the newest snapshot is, in equal steps: so they stand for all there are. */
const documentsCount = 5;

/** Commands of a document before anything is measured: past the first snapshot, so that keys have to be looked up. */
const usedCommands = 105;

/** First commands of a document that are measured each on an instance of its own. */
const youngCommands = 10;

/** Units of one command, on average. */
interface Measured {
  readonly warm: Units;
  readonly cold: Units;
  readonly young: Units;
  readonly naive: Units;
  readonly keyTable: Units;
}

function documentOf(index: number): string {
  return `document-${index}`;
}

/** The commands of each document one after the other, so that no two share a record. */
function onEach(commands: number, one: (id: string, index: number) => Promise<unknown>): Promise<unknown> {
  return atOnce(documentsCount, documentsCount, async (i) => {
    for (let index = 0; index < commands / documentsCount; index++) await one(documentOf(i), index);
  });
}

function perCommand({ write, read }: Units, commands: number): Units {
  return { write: write / commands, read: read / commands };
}

async function write(runtime: Runtime, id: string, state: Sections, index: number): Promise<void> {
  const result = await runtime.call(document, id, { key: opaqueKey() }).write(changeOf(state, index));
  if (!result.ok) throw new Error(`A command was rejected: ${JSON.stringify(result)}`);
}

async function measureHoldfast(
  dynamo: Dynamo,
  state: Sections,
  commands: number,
): Promise<Pick<Measured, "warm" | "cold" | "young">> {
  const client = dynamo.client();
  const bill = meter(client);
  const table = await dynamo.table(`holdfast-${JSON.stringify(state).length}`);
  const journal = createDynamoJournal({ client, table, system });
  /** Runs the work on an instance that has seen no document yet; its snapshots are stored when it returns. */
  async function instance(work: (runtime: Runtime) => Promise<unknown>): Promise<void> {
    const runtime = createRuntime(app, { journal, system });
    await work(runtime);
    await runtime.close();
  }
  async function measureCold(count: number): Promise<Units> {
    bill.take();
    await onEach(count, (id, index) => instance((runtime) => write(runtime, id, state, index)));
    return perCommand(bill.take(), count);
  }

  await instance((runtime) => onEach(documentsCount, (id) => runtime.call(document, id).open(state)));
  const young = await measureCold(documentsCount * youngCommands);
  await instance((runtime) =>
    atOnce(documentsCount, documentsCount, async (i) => {
      const used = usedCommands + (i * snapshotEvery) / documentsCount;
      for (let n = youngCommands + 1; n < used; n++) await write(runtime, documentOf(i), state, n);
    }),
  );
  await instance(async (runtime) => {
    await onEach(documentsCount, (id) => write(runtime, id, state, 0));
    bill.take();
    await onEach(commands, (id, index) => write(runtime, id, state, index));
  });
  const warm = perCommand(bill.take(), commands);
  const cold = await measureCold(commands / 10);
  return { warm, cold, young };
}

async function measureByHand(
  dynamo: Dynamo,
  state: Sections,
  commands: number,
): Promise<Pick<Measured, "naive" | "keyTable">> {
  const client = dynamo.client();
  const bill = meter(client);
  const bytes = JSON.stringify(state).length;
  const handlers = { client, table: await dynamo.table(`by-hand-${bytes}`) };
  const keys = await dynamo.table(`keys-${bytes}`);
  const change = (index: number) => (before: Sections | undefined) => written(before ?? state, changeOf(state, index));
  await onEach(documentsCount, (id) => getAndPut(handlers, id, 1, () => state));
  bill.take();
  await onEach(commands, (id, index) => getAndPut(handlers, id, 1, change(index)));
  const naive = perCommand(bill.take(), commands);
  await onEach(commands, (id, index) => withKeyTable({ ...handlers, keys }, id, opaqueKey(), change(index)));
  return { naive, keyTable: perCommand(bill.take(), commands) };
}

const unbound = { ratio: null, against: null, bound: null };

function unitRows(name: string, { write, read }: Units): readonly [writes: Row, reads: Row] {
  return [
    { ...unbound, name, value: write, unit: "write units" },
    { ...unbound, name, value: read, unit: "read units" },
  ];
}

function rowsOf(bytes: number, { warm, cold, young, naive, keyTable }: Measured): readonly Row[] {
  const size = `${bytes / 1_000} KB`;
  const price = (name: string, units: Units): Row => ({ ...unbound, name, value: priceOf(units), unit: "$/million" });
  const names = {
    warm: `${size}, warm entity`,
    cold: `${size}, cold entity`,
    young: `${size}, cold entity of ${youngCommands} commands at most`,
    naive: `${size}, get + put by hand, no keys`,
    keyTable: `${size}, by hand with a table of keys`,
  };
  const against = (other: string, units: Units): Row => ({
    ...price(names.warm, warm),
    ratio: priceOf(warm) / priceOf(units),
    against: other,
  });
  const [writes, reads] = unitRows(names.warm, warm);
  return [
    { ...writes, bound: { ceiling: 1.1 } },
    { ...reads, bound: { ceiling: 0 } },
    against("by hand, no keys", naive),
    against("by hand with a table of keys", keyTable),
    ...unitRows(names.cold, cold),
    price(names.cold, cold),
    ...unitRows(names.young, young),
    price(names.young, young),
    ...unitRows(names.naive, naive),
    price(names.naive, naive),
    ...unitRows(names.keyTable, keyTable),
    price(names.keyTable, keyTable),
  ];
}

/** What DynamoDB bills for a command with a key to a state of that size, on average. `commands`: a multiple of 50. */
export async function capacityOf(dynamo: Dynamo, bytes: number, commands: number): Promise<readonly Row[]> {
  const state = stateOf(bytes);
  const byHand = await measureByHand(dynamo, state, commands);
  return rowsOf(bytes, { ...(await measureHoldfast(dynamo, state, commands)), ...byHand });
}

export const capacity: Benchmark = {
  name: "capacity",
  async run(bench: Bench) {
    const dynamo = await bench.shared(openDynamo);
    const commands = bench.quick ? 200 : 1_000;
    const rows: Row[] = [];
    for (const bytes of stateBytes) {
      bench.progress(`what ${commands} commands to states of ${bytes} bytes are billed`);
      rows.push(...(await capacityOf(dynamo, bytes, commands)));
    }
    return rows;
  },
};
