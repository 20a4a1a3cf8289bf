import { join } from "node:path";
import { createRuntime, type Journal } from "holdfast";
import app from "../examples/shop/app.ts";
import { atOnce, compare, median, timed, type Benchmark, type Row } from "./harness.ts";
import { filledJournal, system } from "./journal.ts";
import { addItem, cartsCount, itemOf, opaqueKey } from "./workload.ts";

/** The shop's `snapshotEvery`, Holdfast's default. */
const snapshotEvery = 100;

/** Records behind the newest snapshot at the start; those of the cold commands are added, up to the next snapshot. */
const tail = 30;

/** Cold commands in a turn. */
const samples = 3;

/** Gives a cart `commands` commands, `width` at once; the records hold up to `width` of them. */
async function use(journal: Journal, id: string, commands: number, width = 1): Promise<void> {
  const runtime = createRuntime(app, { journal, system });
  await atOnce(width, commands, (i) => addItem(runtime, id, opaqueKey(), itemOf(i * cartsCount)));
  await runtime.close();
}

/** Milliseconds of the first command of an instance that has never seen the cart. */
async function coldCommand(journal: Journal, id: string): Promise<number> {
  const runtime = createRuntime(app, { journal, system });
  const key = opaqueKey();
  const ms = await timed(() => addItem(runtime, id, key, itemOf(0)));
  await runtime.close();
  return ms;
}

/** Median of as many as the tails allow before the next snapshot, over all rounds. */
async function coldCommands(journal: Journal, id: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < samples; i++) times.push(await coldCommand(journal, id));
  return median(times);
}

/** Fills a cart up so that its newest snapshot is `tail` records behind, each of one command. */
async function useUpTo(journal: Journal, id: string, commands: number): Promise<void> {
  await use(journal, id, commands, 64);
  const { records } = await journal.load({ tenant: "default", entity: "cart", id });
  const rest = (snapshotEvery - records.length + tail) % snapshotEvery;
  // A snapshot at least, behind the large records, so that only small ones are in the tail.
  await use(journal, id, rest + snapshotEvery);
}

export const coldEntity: Benchmark = {
  name: "cold",
  async run(bench) {
    const what = "cold entity, 10,000 events: first command";
    bench.progress("a cart with 10,000 events");
    const journal = await filledJournal(join(bench.folder, "cold.db"), async (journal) => {
      await use(journal, "long", 10_000 - (snapshotEvery - tail));
      await use(journal, "short", snapshotEvery + tail);
    });
    const { value, ratio } = await compare(
      bench,
      what,
      () => coldCommands(journal, "short"),
      () => coldCommands(journal, "long"),
    );
    // At the end, where the tail is longest.
    const read = await counted(journal, "long");
    await journal.close();
    const row = { ratio: null, against: null };
    return [
      { name: what, value, unit: "ms", ratio, against: `cold entity, ${snapshotEvery + tail} events`, bound: null },
      { ...row, name: "its records read", value: read.records, unit: "records", bound: { ceiling: snapshotEvery } },
      { ...row, name: "its snapshots read", value: read.snapshots, unit: "snapshots", bound: { ceiling: 1 } },
    ];
  },
};

/** What one cold command reads, counted where the runtime meets the journal. */
async function counted(journal: Journal, id: string): Promise<{ records: number; snapshots: number }> {
  const read = { records: 0, snapshots: 0 };
  const counting: Journal = {
    ...journal,
    async load(stream, after) {
      const loaded = await journal.load(stream, after);
      read.records += loaded.records.length;
      if (loaded.snapshot) read.snapshots++;
      return loaded;
    },
    async record(stream, sequence) {
      read.records++;
      return journal.record(stream, sequence);
    },
    async history(stream, range) {
      const records = await journal.history(stream, range);
      read.records += records.length;
      return records;
    },
  };
  await coldCommand(counting, id);
  return read;
}

export const keyWindow: Benchmark = {
  name: "key-window",
  async run(bench) {
    bench.progress("a cart with 65,536 keys in its window, and one with 100");
    const journal = await filledJournal(join(bench.folder, "keys.db"), async (journal) => {
      await useUpTo(journal, "many-keys", 65_536);
      await use(journal, "few-keys", snapshotEvery + tail);
    });
    const what = "cold entity, 65,536 keys in its window";
    const { value, ratio } = await compare(
      bench,
      what,
      () => coldCommands(journal, "few-keys"),
      () => coldCommands(journal, "many-keys"),
    );
    await journal.close();
    const row: Row = { name: what, value, unit: "ms", ratio, against: "100 keys", bound: { ceiling: 1.5 } };
    return [row];
  },
};
