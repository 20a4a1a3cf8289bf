import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { createSystem } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { createRandom } from "holdfast/testing";
import { describe, expect, test } from "vitest";
import type { Sighting } from "./app.ts";
import { check, summary, type Observed } from "./checker.ts";
import type { Question } from "./child.ts";
import { bundleProcess, startProcess, type CrashProcess } from "./process.ts";

const rounds = process.env["HOLDFAST_VERIFY"] ? 50 : 10;
const clients = 6;
const sources = 8;

const pick = <T>(random: () => number, from: readonly [T, ...T[]]): T =>
  from[Math.floor(random() * from.length)] ?? from[0];

/** The next thing that a client wants; `mark` is unique. Only some sources have events that fail. */
function nextQuestion(random: () => number, mark: string): Question {
  if (random() < 0.1) return { kind: "job", job: mark };
  const source = Math.floor(random() * sources);
  const fails = random() > 0.2 ? "never" : source < 2 ? "always" : source < 4 ? "once" : "never";
  const command = pick(random, ["add", "add", "addTwo", "tell", "later"]);
  const input = {
    mark,
    colour: pick(random, ["red", "blue"]),
    fails,
    ...(command === "later" && { ms: Math.floor(random() * 10_000) }),
  };
  return { kind: "command", id: `s${source}`, command, key: mark, input };
}

const sightingsIn = (folder: string): readonly Sighting[] =>
  readFileSync(join(folder, "sightings.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Sighting);

/** Rows that wait, but for the plan of the next tick. */
function waitingIn(folder: string): readonly string[] {
  const db = new DatabaseSync(join(folder, "holdfast.db"), { readOnly: true });
  try {
    const rows = db
      .prepare(
        `SELECT m.*, s.name AS subject FROM messages m LEFT JOIN streams s ON s.id = m.stream
         WHERE m.due IS NOT NULL AND NOT (m.consumer = 'timer:tick' AND m.armed = 1 AND m.since IS NULL)`,
      )
      .all();
    return rows.map((row) => JSON.stringify(row));
  } finally {
    db.close();
  }
}

/** Runs the workload and kills `processes` processes on one file in turn, then lets what is left come to rest. */
async function crash(processes: number): Promise<Observed> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-crash-"));
  bundleProcess(folder);
  const origin = Date.now();
  const random = createRandom(origin + processes);
  const acknowledged: string[] = [];
  const jobs: string[] = [];
  const running = await Promise.all(Array.from({ length: processes }, () => startProcess(folder, origin)));
  let working = true;

  async function client(number: number): Promise<void> {
    for (let n = 0; working; n++) {
      const question = nextQuestion(random, `m${number}-${n}`);
      // As long as it takes, under the same key, as a real client does.
      while (!(await pick(random, running as [CrashProcess]).ask(question))) await sleep(5);
      if (question.kind === "job") jobs.push(question.job);
      else acknowledged.push(`m${number}-${n}`);
      await sleep(5 + random() * 20);
    }
  }

  try {
    const load = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
    let kills = 0;
    for (let round = 0; round < rounds; round++) {
      const before = { acknowledged: acknowledged.length, seen: sightingsIn(folder).length };
      // Something must have been done, and delivered, since the last kill.
      do await Promise.race([load, sleep(10)]);
      while (acknowledged.length === before.acknowledged || sightingsIn(folder).length === before.seen);
      await Promise.race([load, sleep(random() * 300)]);
      const victim = round % processes;
      await running[victim]?.kill();
      kills++;
      running[victim] = await startProcess(folder, origin);
    }
    working = false;
    await load;
    await rest(folder, running);
    return { ...(await observe(folder, acknowledged, jobs)), kills };
  } finally {
    working = false;
    await Promise.all(running.map((process) => process.kill()));
    rmSync(folder, { recursive: true });
  }
}

/** Waits until nothing has happened for the time of three leases, at most for half a minute. */
async function rest(folder: string, running: readonly CrashProcess[]): Promise<void> {
  const until = performance.now() + 30_000;
  for (let calm = 0, before = -1; calm < 15 && performance.now() < until; ) {
    await Promise.all(running.map((process) => process.ask({ kind: "idle" })));
    const seen = sightingsIn(folder).filter(({ handler }) => handler !== "tick").length;
    calm = seen === before && waitingIn(folder).length === 0 ? calm + 1 : 0;
    before = seen;
    await sleep(100);
  }
}

/** Looks at the journal itself, once nobody writes to it any more. */
async function observe(
  folder: string,
  acknowledged: readonly string[],
  jobs: readonly string[],
): Promise<Omit<Observed, "kills">> {
  const journal = createSqliteJournal({ file: join(folder, "holdfast.db"), system: createSystem() });
  const records: Observed["records"][number][] = [];
  for (let position = 0; ; ) {
    const more = await journal.recordsAfter(position, 1_000);
    records.push(...more);
    const last = more.at(-1);
    if (last === undefined) break;
    position = last.position;
  }
  const dead = await journal.dead({ limit: 100_000 });
  await journal.close();
  return { records, sightings: sightingsIn(folder), dead, waiting: waitingIn(folder), acknowledged, jobs };
}

describe.concurrent(`kill -9 while events are delivered, ${rounds} times: each arrives, in order, with one effect`, () => {
  test.each([
    ["one process", 1],
    ["two processes on one file, killed in turn", 2],
  ])("%s", { timeout: process.env["HOLDFAST_VERIFY"] ? 300_000 : 90_000 }, async (_, processes) => {
    const observed = await crash(processes);
    expect(check(observed)).toEqual([]);
    expect(observed.kills).toBe(rounds);
    const counts = summary(observed);
    // There was something to lose: of each kind some.
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
    expect(counts.events).toBeGreaterThan(rounds * 10);
    console.log(`${processes} processes, ${observed.kills} kills: ${JSON.stringify(counts)}`);
  });
});
