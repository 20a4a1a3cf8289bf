import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createSqliteJournal, serve, type LocalHost } from "holdfast/local";
import app from "../../examples/shop/app.ts";
import { createCappedJournal } from "../capped-journal.ts";
import { system } from "../journal.ts";
import { cartOf, warmUp } from "../workload.ts";
import { answerParent } from "./answer.ts";

export type OverloadQuestion = { readonly cap: number } | { readonly measured: true };

export interface Listening {
  readonly port: number;
}

export interface Measured {
  /** Resident memory, MB (2^20 bytes), each with the epoch milliseconds at which it was looked at. */
  readonly memory: readonly (readonly [at: number, mb: number])[];
  /** The hash of every key that a stored entry holds, as often as it is stored. */
  readonly keys: readonly string[];
}

/** Longer than any measurement, milliseconds. */
const patienceMs = 600_000;

/** The shop as `holdfast/local` serves it, with a store that is capped once all is warm. */
const data = join(process.argv[2] ?? "", "overload");
mkdirSync(data, { recursive: true });
const journal = createCappedJournal(createSqliteJournal({ file: join(data, "holdfast.db"), system }));
const memory: (readonly [number, number])[] = [];
let host: LocalHost | undefined;

async function listen(cap: number): Promise<Listening> {
  // A connection that waits for its first request, or its next one, is not cut in the midst of the measurement: a client
  // that writes just then would get 408, or nothing, for a command that nobody has seen.
  const server = {
    headersTimeoutMs: patienceMs,
    receiveTimeoutMs: patienceMs,
    keepAliveTimeoutMs: patienceMs,
    socketTimeoutMs: patienceMs,
  };
  host = await serve(app, { port: 0, journal, server, signals: false });
  await warmUp(host.runtime, cartOf);
  journal.cap(cap);
  setInterval(() => memory.push([Date.now(), process.memoryUsage.rss() / 2 ** 20]), 100);
  return { port: host.port };
}

async function storedKeys(): Promise<readonly string[]> {
  const keys: string[] = [];
  for (let after = 0; ; ) {
    const records = await journal.recordsAfter(after, 1_000);
    for (const { position, record } of records) {
      after = position;
      // What Holdfast has written: docs/format.md.
      for (const { key } of JSON.parse(record.entries) as readonly { readonly key?: string }[]) if (key) keys.push(key);
    }
    if (records.length === 0) return keys;
  }
}

answerParent(
  async (question: OverloadQuestion): Promise<Listening | Measured> =>
    "cap" in question ? listen(question.cap) : { memory, keys: await storedKeys() },
  async () => {
    await host?.close();
    await journal.close();
  },
);
