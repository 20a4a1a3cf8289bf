// Not the package's entries: a process that need not load the hosts starts several times as fast.
import type { Journal, StreamId } from "../../../src/core/journal/port.ts";
import { createSystem } from "../../../src/core/runtime/system.ts";
import { createSqliteJournal } from "../../../src/local/journal/sqlite.ts";

/**
 * A process that uses a journal, for the tests: `child.ts <file> <task> <name>`. It says "ready", waits for a line on
 * standard input, opens the journal, and says one line for everything that was acknowledged.
 */
const [file = "", task = "", name = ""] = process.argv.slice(2);
const streams = ["s0", "s1", "s2"].map((id): StreamId => ({ tenant: "default", entity: "cart", id }));

/** Appends until one of its records is stored; answers its id. */
async function appendNext(journal: Journal, stream: StreamId, id: string): Promise<string> {
  for (;;) {
    const { records } = await journal.load(stream, 0);
    const last = records.at(-1);
    const sequence = (last?.sequence ?? 0) + 1;
    const record = { sequence, id, previous: last?.id ?? "", time: sequence, version: sequence, entries: "[]" };
    const result = await journal.append({ stream, record });
    if (result === "stored") return id;
    if (result !== "taken") throw new Error(`append answered ${result}`);
  }
}

async function appendTo(journal: Journal, stream: StreamId, count: number): Promise<void> {
  for (let n = 0; n < count; n++) console.log(stream.id, await appendNext(journal, stream, `${name}-${n}`));
}

console.log("ready");
process.stdin.once("data", async () => {
  // `full`, as in production, where the process may be killed; what is raced for needs no fsync.
  const synchronous = task === "endless" ? "full" : "normal";
  const journal = createSqliteJournal({ file, system: createSystem(), synchronous });
  const count = { open: 1, many: 200, endless: Number.POSITIVE_INFINITY }[task] ?? 0;
  // All streams at once, so that appends share transactions.
  await Promise.all(streams.map((stream) => appendTo(journal, stream, count)));
  await journal.close();
  process.exit(0);
});
