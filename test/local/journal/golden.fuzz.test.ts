import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { decodeEntries, decodeSnapshot } from "../../../src/core/journal/format.ts";
import { freshFile, openJournal } from "./fixtures.ts";

const folder = new URL("./golden/", import.meta.url);

/**
 * Files as former versions of the schema have written them, as SQL; version 1 stands in open.int.test.ts. Whoever adds a
 * step to the schema adds the file that it began with, and its line here; no line is ever changed or removed.
 */
const golden: { readonly [file: string]: string } = {
  "version-2.sql": "96266d491652f95657c0cf76a0d23dfb25c0c3b34943d317cd3c0219c7a7c9e6",
};

test("no golden file was changed, removed, or added without being listed", () => {
  const found = readdirSync(folder).map((file) => {
    return [
      file,
      createHash("sha256")
        .update(readFileSync(new URL(file, folder)))
        .digest("hex"),
    ];
  });
  expect(Object.fromEntries(found)).toEqual(golden);
});

test("a file of schema version 2 has all that was in it: records, keys, snapshots, messages, dead letters, replays", async () => {
  const file = freshFile();
  const db = new DatabaseSync(file);
  db.exec(readFileSync(new URL("version-2.sql", folder), "utf8"));
  db.close();
  const journal = openJournal(file);
  const now = 1_767_225_600_000;
  const cart = { tenant: "default", entity: "cart", id: "c 1" };
  const order = { tenant: "t2", entity: "order", id: "🧺" };

  const { snapshot, records } = await journal.load(cart);
  expect(snapshot).toMatchObject({ sequence: 2, revision: 1, horizon: { foreign: 5, derived: 6 } });
  expect(snapshot && decodeSnapshot(snapshot)).toMatchObject({ version: 2, state: { n: 1 }, events: { added: 1 } });
  expect(records.map(({ sequence, previous }) => [sequence, previous])).toEqual([[3, "0000000000000000000b"]]);
  const all = await journal.recordsAfter(0, 10);
  expect(all.map(({ position, stream }) => [position, stream])).toEqual([
    [1, cart],
    [2, cart],
    [3, cart],
    [4, order],
  ]);
  for (const { record } of all) {
    expect(decodeEntries(record)).toMatchObject([{ events: [{ type: "added", data: { text: 'é"\\\n' } }] }]);
  }
  if (journal.keys.kind !== "index") throw new Error("no index");
  const hashes = ["kkkkkkkkkkkkkkkkkkkkk2", "kkkkkkkkkkkkkkkkkkkkk9"];
  expect((await journal.keys.find(cart, hashes)).sequences).toEqual([2, undefined]);

  expect(await journal.consumers()).toEqual(["queue:q", "subscription:s"]);
  expect((await journal.due("queue:q", { now, limit: 10 })).messages).toMatchObject([{ name: "m2", body: "2" }]);
  expect(await journal.dead({ limit: 10 })).toMatchObject([
    { name: "m1", body: '{"n":1}', attributes: '{"a":"1"}', failures: { attempts: 10 }, reason: { code: "thrown" } },
    { stream: order, sequence: 1, n: 1, reason: { code: "forbidden", message: "no" } },
  ]);
  const claim = { owner: "new", now: now + 60_000, until: now + 65_000, longest: now + 70_000, start: "now" as const };
  expect(await journal.take("subscription:s", claim)).toMatchObject({
    kind: "taken",
    position: 2,
    parked: [{ at: { stream: cart, sequence: 1, n: 1 }, failures: { attempts: 2 }, due: now + 50 }],
  });
  expect(await journal.due("subscription:s", { now: now + 9, limit: 10 })).toMatchObject({
    messages: [{ name: "t", stream: cart }],
  });
  expect(await journal.replays("unfinished")).toMatchObject([{ id: "r1", entity: "cart", again: true, through: 4 }]);
});
