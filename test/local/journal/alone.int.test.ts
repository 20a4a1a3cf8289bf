import { DatabaseSync, type StatementSync } from "node:sqlite";
import { createVirtualSystem } from "holdfast/testing";
import { expect, test } from "vitest";
import { createGroup } from "../../../src/local/journal/group.ts";
import { migrate } from "../../../src/local/journal/schema.ts";
import { prepare } from "../../../src/local/journal/statements.ts";
import { freshFile, onCleanup } from "./fixtures.ts";

/**
 * A group whose members run alone because the first of them fails, and a rival that takes the lock as soon as that one
 * has failed on its own. With `brief` the rival lets go as soon as somebody has met its lock.
 */
function membersAlone({ brief = false } = {}) {
  const file = freshFile();
  const open = () => {
    const opened = new DatabaseSync(file, { timeout: 1 });
    onCleanup(() => opened.close());
    return opened;
  };
  const [db, rival] = [open(), open()];
  migrate(db);
  const system = createVirtualSystem();
  const sql = prepare(db);
  const { begin, rollback } = sql;
  let rollbacks = 0;
  // The one moment between two transactions at which another process can be quicker.
  const run = () => {
    const result = rollback.run();
    rollbacks++;
    // The first ends the group, the second the failing member.
    if (rollbacks === 2) rival.exec("BEGIN IMMEDIATE");
    return result;
  };
  const tryBegin = () => {
    try {
      return begin.run();
    } catch (error) {
      if (brief) rival.exec("ROLLBACK");
      throw error;
    }
  };
  const hook = (statement: StatementSync, run: () => ReturnType<StatementSync["run"]>) =>
    Object.assign(Object.create(statement) as StatementSync, { run });
  const hooked = { ...sql, begin: hook(begin, tryBegin), rollback: hook(rollback, run) };
  const group = createGroup(hooked, { file, system, appendTimeoutMs: 500 }, { undone: () => {}, committed: () => {} });
  const ran: string[] = [];
  const member = (name: string) =>
    group.write(() => {
      ran.push(name);
      sql.insertStream.run("default", "cart", name);
      return name;
    });
  const failing = group.write(() => {
    throw new Error("this one cannot be done");
  });
  const failed = expect(failing).rejects.toMatchObject({ code: "journal-failed" });
  const names = () =>
    db
      .prepare("SELECT name FROM streams ORDER BY id")
      .all()
      .map((row) => row["name"]);
  return { group, rival, clock: system.clock, failed, member, ran, names };
}

test("a member that meets a lock when it runs alone waits for its turn, with those behind it and in their order", async () => {
  const { group, rival, clock, failed, member, ran, names } = membersAlone();
  let settled = 0;
  const members = ["a", "b", "c"].map((name) => member(name).finally(() => settled++));
  await clock.advance(0);
  await failed;
  const later = member("later");
  await clock.advance(300);
  expect({ settled, ran, transactions: group.transactions() }).toEqual({ settled: 0, ran: [], transactions: 0 });
  rival.exec("ROLLBACK");
  await clock.advance(100);
  expect(await Promise.all([...members, later])).toEqual(["a", "b", "c", "later"]);
  expect(names()).toEqual(["a", "b", "c", "later"]);
  expect(group.transactions()).toBe(1);
});

test("nobody overtakes a member that met a lock, though the lock was brief", async () => {
  const { group, clock, failed, member, ran, names } = membersAlone({ brief: true });
  const members = ["a", "b", "c"].map(member);
  await clock.advance(0);
  await failed;
  expect(await Promise.all(members)).toEqual(["a", "b", "c"]);
  expect(ran).toEqual(["a", "b", "c"]);
  expect(names()).toEqual(["a", "b", "c"]);
  expect(group.transactions()).toBe(1);
});

test("a member that meets a lock when it runs alone is refused once it has waited too long", async () => {
  const { group, rival, clock, failed, member, names } = membersAlone();
  const overloaded = { code: "overloaded", retry: "later" };
  const refused = ["a", "b"].map((name) => expect(member(name)).rejects.toMatchObject(overloaded));
  await clock.advance(700);
  await Promise.all([failed, ...refused]);
  await group.idle();
  rival.exec("ROLLBACK");
  expect(names()).toEqual([]);
});

test("a group is not idle while a member that met a lock waits, though another has failed", async () => {
  const { group, rival, clock, failed, member, names } = membersAlone();
  const one = member("a");
  let idle = false;
  const resting = group.idle().then(() => {
    idle = true;
  });
  await clock.advance(100);
  await failed;
  expect(idle).toBe(false);
  rival.exec("ROLLBACK");
  await clock.advance(100);
  expect(await one).toBe("a");
  await resting;
  expect(names()).toEqual(["a"]);
});
