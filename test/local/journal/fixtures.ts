import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createSystem, type Journal, type StoredRecord, type StreamId } from "holdfast";
import { afterEach, expect } from "vitest";
import type { SqliteOptions } from "../../../src/local/journal/options.ts";
import { createSqliteJournal, type SqliteJournal } from "../../../src/local/journal/sqlite.ts";

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

export const onCleanup = (cleanup: () => unknown): void => void cleanups.push(cleanup);

/** The path of a database in a folder of its own, which is removed after the test. */
export function freshFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-journal-"));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "holdfast.db");
}

/** A journal that is closed after the test. */
export function openJournal(file: string, options: Partial<SqliteOptions> = {}): SqliteJournal {
  const journal = createSqliteJournal({ file, system: createSystem(), synchronous: "normal", ...options });
  onCleanup(() => journal.close());
  return journal;
}

export const streamOf = (id: string): StreamId => ({ tenant: "default", entity: "cart", id });

export function recordOf(sequence: number, changes: Partial<StoredRecord> = {}): StoredRecord {
  const id = changes.id ?? `r${sequence}`.padStart(20, "0");
  const previous = sequence === 1 ? "" : `r${sequence - 1}`.padStart(20, "0");
  return { sequence, id, previous, time: sequence, version: sequence, entries: "[]", ...changes };
}

/** Too large for whatever room a test leaves. */
export const largeEntries: string = JSON.stringify(["x".repeat(200_000)]);

/** Every record of the stream; its sequences are 1..n and each names the one before it. */
export async function denseRecords(journal: Journal, stream: StreamId): Promise<readonly StoredRecord[]> {
  const { records } = await journal.load(stream, 0);
  expect(records.map(({ sequence }) => sequence)).toEqual(records.map((_, i) => i + 1));
  expect(records.map(({ previous }) => previous)).toEqual(records.map((_, i) => records[i - 1]?.id ?? ""));
  return records;
}

export interface Child {
  readonly process: ChildProcess;
  /** Complete lines of standard output so far. */
  readonly lines: readonly string[];
  /** Resolves when standard output has that many lines, or has ended. */
  said(count: number): Promise<void>;
  /** Resolves with the exit code (null if a signal ended it), after the last line. */
  readonly over: Promise<number | null>;
}

function follow(process: ChildProcess): Child {
  onCleanup(() => process.kill("SIGKILL"));
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const look = (): void => {
    for (const one of waiting) one();
  };
  if (process.stdout === null) throw new Error("the child's output is no pipe");
  const reader = createInterface({ input: process.stdout });
  reader.on("line", (line) => {
    lines.push(line);
    look();
  });
  let ended = false;
  const over = Promise.all([once(process, "exit"), once(reader, "close")]).then(([[code]]) => {
    ended = true;
    look();
    return typeof code === "number" ? code : null;
  });
  return {
    process,
    lines,
    over,
    said: (count) =>
      new Promise((resolve) => {
        const one = (): void => {
          if (lines.length < count && !ended) return;
          waiting.delete(one);
          resolve();
        };
        waiting.add(one);
        one();
      }),
  };
}

const environment = { ...process.env, NODE_OPTIONS: "" };

const program = fileURLToPath(new URL("./child.ts", import.meta.url));

/** Runs `child.ts` in a process of its own. */
export function spawnChild(...args: readonly string[]): Child {
  const argv = ["--conditions=holdfast-source", program, ...args];
  return follow(spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"], env: environment }));
}

const holder = `
  const { DatabaseSync } = require("node:sqlite");
  const db = new DatabaseSync(process.argv[1]);
  db.exec("BEGIN IMMEDIATE");
  console.log("locked");
  process.stdin.on("data", () => {
    db.exec("ROLLBACK");
    process.exit(0);
  });
`;

/** A process that holds the write lock until `release`. Resolves when it does. */
export async function holdLock(file: string): Promise<{ release(): Promise<void> }> {
  const argv = ["-e", holder, file];
  const child = follow(spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"], env: environment }));
  await child.said(1);
  expect(child.lines).toEqual(["locked"]);
  return {
    async release() {
      child.process.stdin?.write("go\n");
      expect(await child.over).toBe(0);
    },
  };
}
