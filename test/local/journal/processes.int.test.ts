import { expect, test } from "vitest";
import { denseRecords, freshFile, openJournal, spawnChild, streamOf, type Child } from "./fixtures.ts";

const streams = ["s0", "s1", "s2"].map(streamOf);

/** Starts the children, lets them go at the same moment, and checks that what each was told is stored once. */
async function race(file: string, task: string, count: number): Promise<readonly Child[]> {
  const children = Array.from({ length: count }, (_, n) => spawnChild(file, task, `p${n}`));
  for (const child of children) await child.said(1);
  for (const child of children) child.process.stdin?.write("go\n");
  for (const child of children) expect(await child.over).toBe(0);
  return children;
}

test("two processes that append 200 records each to the same streams lose and double nothing", async () => {
  const file = freshFile();
  const children = await race(file, "many", 2);
  const journal = openJournal(file);
  for (const stream of streams) {
    const records = await denseRecords(journal, stream);
    const told = children.flatMap(({ lines }) => lines.filter((line) => line.startsWith(`${stream.id} `)));
    expect(told.length).toBe(400);
    expect(records.map(({ id }) => `${stream.id} ${id}`).toSorted()).toEqual(told.toSorted());
  }
});

test("four processes may open the same new file at once", async () => {
  for (let round = 0; round < 3; round++) {
    const file = freshFile();
    await race(file, "open", 4);
    const journal = openJournal(file);
    for (const stream of streams) expect((await denseRecords(journal, stream)).length).toBe(4);
  }
});

test("what a process had acknowledged before it was killed is there", async () => {
  const file = freshFile();
  const told: string[] = [];
  for (let round = 0; round < 10; round++) {
    const child = spawnChild(file, "endless", `p${round}`);
    await child.said(1);
    child.process.stdin?.write("go\n");
    // Another place in the middle of the work in every round.
    await child.said(10 + 7 * round);
    child.process.kill("SIGKILL");
    expect(await child.over).toBeNull();
    expect(child.lines.length).toBeGreaterThanOrEqual(10 + 7 * round);
    told.push(...child.lines.slice(1));
    const journal = openJournal(file);
    for (const stream of streams) {
      const stored = new Set((await denseRecords(journal, stream)).map(({ id }) => `${stream.id} ${id}`));
      expect(told.filter((line) => line.startsWith(`${stream.id} `) && !stored.has(line))).toEqual([]);
      // At most the append that was under way in each round is stored without having been acknowledged.
      const acknowledged = told.filter((line) => line.startsWith(`${stream.id} `)).length;
      expect(stored.size - acknowledged).toBeLessThanOrEqual(round + 1);
    }
    await journal.close();
  }
}, 60_000);
