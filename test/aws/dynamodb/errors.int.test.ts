import { createSystem } from "holdfast";
import { expect, test } from "vitest";
import {
  cart,
  describeOnDynamo,
  type Fault,
  freshTable,
  onTheWire,
  recordAt,
  snapshotAt,
  useDynamo,
} from "./fixtures.ts";

const dynamo = useDynamo();
const throttled: Fault = { status: 400, type: "ProvisionedThroughputExceededException" };
const broken: Fault = { status: 500, type: "InternalServerError" };

describeOnDynamo("what goes wrong between the journal and DynamoDB", () => {
  /** A journal whose requests go wrong by plan, and one beside it that shows what is stored. */
  async function faulty(plan: Parameters<typeof onTheWire>[1], maxAttempts = 3) {
    const table = freshTable(dynamo.endpoint);
    const honest = await table.open();
    const client = table.client(maxAttempts);
    const sent = onTheWire(client, plan);
    const journal = await table.open({ client });
    return { table, honest, journal, sent };
  }

  const first = { stream: cart, record: recordAt(1) };

  test("a put whose answer is lost is tried again by the SDK, fails on our own record, and is stored", async () => {
    const { table, honest, journal, sent } = await faulty((_operation, before) =>
      before === 0 ? "answer lost" : undefined,
    );
    expect(await journal.append(first)).toBe("stored");
    expect(sent).toEqual(["PutItem", "PutItem"]);
    expect((await honest.load(cart)).records).toEqual([recordAt(1)]);
    await table.close();
  });

  test("a failed condition that does not say what stands there is settled by a point read", async () => {
    const silentFailure: Fault = { status: 400, type: "ConditionalCheckFailedException" };
    const plan = (operation: string) => (operation === "PutItem" ? silentFailure : undefined);
    const { table, honest, journal, sent } = await faulty(plan);
    expect(await journal.append(first)).toBe("unknown");
    await honest.append(first);
    expect(await journal.append(first)).toBe("stored");
    expect(await journal.append({ stream: cart, record: recordAt(1, "theirs") })).toBe("taken");
    expect(sent).toEqual(["PutItem", "GetItem", "PutItem", "GetItem", "PutItem", "GetItem"]);
    await table.close();
  });

  test("a put whose answer is lost after another one has taken the slot is taken", async () => {
    const { table, honest, journal } = await faulty((_operation, before) => (before === 0 ? "answer lost" : undefined));
    await honest.append({ stream: cart, record: recordAt(1, "theirs") });
    expect(await journal.append(first)).toBe("taken");
    expect((await honest.load(cart)).records).toEqual([recordAt(1, "theirs")]);
    await table.close();
  });

  test.each<readonly [string, number, (before: number) => Fault, boolean]>([
    ["its answer is lost and nobody tries again", 1, () => "answer lost", true],
    [
      "its answer is lost, and all that come after it are throttled",
      3,
      (n) => (n === 0 ? "answer lost" : throttled),
      true,
    ],
    ["its answer is lost, and then nobody listens any more", 2, (n) => (n === 0 ? "answer lost" : "refused"), true],
    ["DynamoDB fails inside each time", 3, () => broken, false],
    ["DynamoDB fails inside and throttles then", 2, (n) => (n === 0 ? broken : throttled), false],
  ])("an append is unknown if %s", async (_case, maxAttempts, plan, landed) => {
    const { table, honest, journal, sent } = await faulty((_operation, before) => plan(before), maxAttempts);
    expect(await journal.append(first)).toBe("unknown");
    expect(sent).toHaveLength(maxAttempts);
    expect((await honest.load(cart)).records).toEqual(landed ? [recordAt(1)] : []);
    await table.close();
  });

  test.each<readonly [string, Fault, object]>([
    ["throttled each time", throttled, { code: "overloaded", retry: "later" }],
    ["throttled by the account", { status: 400, type: "ThrottlingException" }, { code: "overloaded", retry: "later" }],
    ["refused since nobody listens", "refused", { code: "journal-failed", retry: "later" }],
    ["not allowed", { status: 400, type: "AccessDeniedException" }, { code: "journal-failed", retry: "later" }],
  ])("an append that is %s fails for certain", async (_case, fault, expected) => {
    const { table, honest, journal } = await faulty(() => fault);
    await expect(journal.append(first)).rejects.toMatchObject({ name: "HoldfastError", ...expected });
    expect((await honest.load(cart)).records).toEqual([]);
    await table.close();
  });

  test("a read is overloaded where it is throttled, or DynamoDB fails inside", async () => {
    for (const fault of [throttled, broken, "answer lost"] as const) {
      const { table, journal } = await faulty(() => fault, 1);
      const overloaded = { code: "overloaded", retry: "later" };
      await expect(journal.load(cart)).rejects.toMatchObject(overloaded);
      await expect(journal.record(cart, 1)).rejects.toMatchObject(overloaded);
      await expect(journal.streams({ ...cart, limit: 1 })).rejects.toMatchObject(overloaded);
      await table.close();
    }
  });

  test("a request that gets no answer ends with its time: an append is unknown, a read overloaded", async () => {
    const table = freshTable(dynamo.endpoint);
    await table.open();
    const client = table.client();
    const due: (() => void)[] = [];
    onTheWire(client, () => {
      queueMicrotask(() => due.pop()?.());
      return "silence";
    });
    // Its time is over as soon as it is on the wire.
    const system = {
      ...createSystem(),
      after: (_delayMs: number, task: () => void) => {
        due.push(task);
        return () => {};
      },
    };
    const journal = await table.open({ client, system });
    expect(await journal.append(first)).toBe("unknown");
    await expect(journal.load(cart)).rejects.toMatchObject({ code: "overloaded", retry: "later" });
    await table.close();
  });

  test("a snapshot whose answer is lost is tried again by the SDK and stands", async () => {
    const { table, honest, journal, sent } = await faulty((_operation, before) =>
      before === 0 ? "answer lost" : undefined,
    );
    await journal.saveSnapshot(cart, snapshotAt(1));
    expect(sent).toEqual(["PutItem", "PutItem"]);
    expect((await honest.load(cart)).snapshot).toEqual(snapshotAt(1));
    await table.close();
  });

  test("a snapshot whose outcome nobody knows says so, and may be saved again", async () => {
    const { table, honest, journal } = await faulty(
      (_operation, before) => (before === 0 ? "answer lost" : undefined),
      1,
    );
    const unknown = { code: "outcome-unknown", retry: "later" };
    await expect(journal.saveSnapshot(cart, snapshotAt(1))).rejects.toMatchObject(unknown);
    await journal.saveSnapshot(cart, snapshotAt(1));
    expect((await honest.load(cart)).snapshot).toEqual(snapshotAt(1));
    await table.close();
  });
});
