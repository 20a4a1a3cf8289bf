import { createSystem } from "holdfast";
import { describe, expect, test } from "vitest";
import { clientAt, cart, type Fault, freshTable, type Plan, recordAt, snapshotAt, useTables } from "./fixtures.ts";

const emulator = useTables();
const throttled: Fault = { status: 503, code: "ServerBusy" };
const broken: Fault = { status: 500, code: "InternalError" };

describe("what goes wrong between the journal and Table storage", () => {
  /** A journal whose requests go wrong by plan, and one beside it that shows what is stored. */
  async function faulty(plan: Plan, maxRetries = 2) {
    const table = freshTable(emulator);
    const honest = await table.open();
    const watched = table.client(maxRetries);
    const journal = await table.open({ client: watched.client });
    watched.plan = plan;
    return { table, honest, journal, sent: watched.sent };
  }

  const first = { stream: cart, record: recordAt(1) };
  const lostOnce: Plan = (_operation, before) => (before === 0 ? "answer lost" : undefined);

  test("an insert whose answer is lost is tried again by the SDK, fails on our own record, and is stored", async () => {
    const { table, honest, journal, sent } = await faulty((operation, before) =>
      operation === "insert" && before === 0 ? "answer lost" : undefined,
    );
    expect(await journal.append(first)).toBe("stored");
    expect(sent).toEqual(["insert", "insert", "get"]);
    expect((await honest.load(cart)).records).toEqual([recordAt(1)]);
    await table.close();
  });

  test("an insert whose answer is lost after another one has taken the slot is taken", async () => {
    const { table, honest, journal } = await faulty((operation, before) =>
      operation === "insert" && before === 0 ? "answer lost" : undefined,
    );
    await honest.append({ stream: cart, record: recordAt(1, "theirs") });
    expect(await journal.append(first)).toBe("taken");
    expect((await honest.load(cart)).records).toEqual([recordAt(1, "theirs")]);
    await table.close();
  });

  test.each<readonly [string, Fault]>([
    ["is lost", "answer lost"],
    ["is a failure", broken],
    ["says that nobody listens", "refused"],
    ["says that nothing is there", { status: 404, code: "ResourceNotFound" }],
  ])(
    "a slot that is taken by nobody knows whom, since the answer of the look at it %s, is unknown",
    async (_, fault) => {
      const { table, honest, journal } = await faulty((operation) => (operation === "get" ? fault : undefined));
      await honest.append({ stream: cart, record: recordAt(1, "theirs") });
      expect(await journal.append(first)).toBe("unknown");
      await table.close();
    },
  );

  test.each<readonly [string, number, (before: number) => Fault, boolean]>([
    ["its answer is lost and nobody tries again", 0, () => "answer lost", true],
    ["its answer is lost, and all after it are throttled", 2, (n) => (n === 0 ? "answer lost" : throttled), true],
    ["its answer is lost, and then nobody listens any more", 1, (n) => (n === 0 ? "answer lost" : "refused"), true],
    ["Table storage fails inside each time", 2, () => broken, false],
    ["Table storage fails inside and throttles then", 1, (n) => (n === 0 ? broken : throttled), false],
    ["it timed out inside", 0, () => ({ status: 500, code: "OperationTimedOut" }), false],
    ["it timed out on the way", 0, () => ({ status: 408, code: "" }), false],
    ["something on the way is not available", 0, () => ({ status: 503, code: "" }), false],
    ["a gateway has no answer", 0, () => ({ status: 504, code: "" }), false],
  ])("an append is unknown if %s", async (_case, maxRetries, plan, landed) => {
    const { table, honest, journal, sent } = await faulty((_operation, before) => plan(before), maxRetries);
    expect(await journal.append(first)).toBe("unknown");
    expect(sent).toHaveLength(maxRetries + 1);
    expect((await honest.load(cart)).records).toEqual(landed ? [recordAt(1)] : []);
    await table.close();
  });

  test.each<readonly [string, Fault, object]>([
    ["throttled each time", throttled, { code: "overloaded", retry: "later" }],
    ["throttled by the account", { status: 429, code: "TooManyRequests" }, { code: "overloaded", retry: "later" }],
    ["refused since nobody listens", "refused", { code: "journal-failed", retry: "later" }],
    ["not allowed", { status: 403, code: "AuthorizationFailure" }, { code: "journal-failed", retry: "later" }],
    ["without a token", { status: 401, code: "AuthenticationFailed" }, { code: "journal-failed", retry: "later" }],
    ["too large", { status: 413, code: "RequestBodyTooLarge" }, { code: "journal-failed", retry: "later" }],
    ["of a table that goes", { status: 409, code: "TableBeingDeleted" }, { code: "journal-failed", retry: "later" }],
    [
      "of a table that is not there",
      { status: 404, code: "TableNotFound" },
      { code: "journal-unavailable", retry: "never" },
    ],
  ])("an append that is %s fails for certain", async (_case, fault, expected) => {
    const { table, honest, journal } = await faulty(() => fault);
    await expect(journal.append(first)).rejects.toMatchObject({ name: "HoldfastError", ...expected });
    expect((await honest.load(cart)).records).toEqual([]);
    await table.close();
  });

  test("a read is overloaded where it is throttled, or Table storage fails inside, or its answer is lost", async () => {
    for (const fault of [throttled, broken, "answer lost"] as const) {
      const { table, journal } = await faulty(() => fault, 0);
      const overloaded = { code: "overloaded", retry: "later" };
      await expect(journal.load(cart)).rejects.toMatchObject(overloaded);
      await expect(journal.record(cart, 1)).rejects.toMatchObject(overloaded);
      await expect(journal.streams({ ...cart, limit: 1 })).rejects.toMatchObject(overloaded);
      await table.close();
    }
  });

  test("a request that gets no answer ends with its time: an append is unknown, a read overloaded", async () => {
    const table = freshTable(emulator);
    await table.make();
    const watched = table.client();
    const due: (() => void)[] = [];
    watched.plan = () => {
      queueMicrotask(() => due.pop()?.());
      return "silence";
    };
    // Its time is over as soon as it is on the wire.
    const system = {
      ...createSystem(),
      after: (_delayMs: number, task: () => void) => {
        due.push(task);
        return () => {};
      },
    };
    const journal = await table.open({ client: watched.client, system });
    expect(await journal.append(first)).toBe("unknown");
    await expect(journal.load(cart)).rejects.toMatchObject({ code: "overloaded", retry: "later" });
    await table.close();
  });

  test("every request has the time that was asked for, and no timer is left behind", async () => {
    const table = freshTable(emulator);
    await table.make();
    const delays: number[] = [];
    let open = 0;
    const system = {
      ...createSystem(),
      after: (delayMs: number) => {
        delays.push(delayMs);
        open++;
        return () => void open--;
      },
    };
    const journal = await table.open({ system, requestTimeoutMs: 1_234 });
    await journal.append(first);
    await journal.load(cart);
    expect([delays, open]).toEqual([[1_234, 1_234], 0]);
    await (await table.open({ system })).load(cart);
    expect(delays.at(-1)).toBe(10_000);
    await table.close();
  });

  test("a snapshot whose answer is lost is tried again by the SDK, fails on its own write, and stands", async () => {
    const { table, honest, journal, sent } = await faulty((operation, before) =>
      operation === "insert" && before === 0 ? "answer lost" : undefined,
    );
    await journal.saveSnapshot(cart, snapshotAt(1));
    expect(sent).toEqual(["get", "insert", "insert", "get"]);
    expect((await honest.load(cart)).snapshot).toEqual(snapshotAt(1));
    await table.close();
  });

  test("a snapshot whose outcome nobody knows says so, and may be saved again", async () => {
    const { table, honest, journal } = await faulty(
      (operation, ...rest) => (operation === "insert" ? lostOnce(operation, ...rest) : undefined),
      0,
    );
    const unknown = { code: "outcome-unknown", retry: "later" };
    await expect(journal.saveSnapshot(cart, snapshotAt(1))).rejects.toMatchObject(unknown);
    await journal.saveSnapshot(cart, snapshotAt(1));
    expect((await honest.load(cart)).snapshot).toEqual(snapshotAt(1));
    await table.close();
  });

  test("a client that two journals share is watched once, and both know what they did", async () => {
    const table = freshTable(emulator);
    const watched = table.client(0);
    const journals = [await table.open({ client: watched.client }), await table.open({ client: watched.client })];
    const names = watched.client.pipeline.getOrderedPolicies().map(({ name }) => name);
    expect(names.filter((name) => name.startsWith("holdfast"))).toEqual(["holdfastAttempts"]);
    watched.plan = () => broken;
    for (const journal of journals) expect(await journal.append(first)).toBe("unknown");
    await table.close();
  });

  test("a wrong key is told of, without the signature", async () => {
    const { endpoint, account } = emulator();
    const { client } = clientAt({ endpoint, account, key: Buffer.from("wrong").toString("base64") }, "journal");
    const journal = await freshTable(emulator).open({ client });
    await expect(journal.load(cart)).rejects.toMatchObject({
      code: "journal-failed",
      retry: "later",
      message: expect.stringMatching(
        /^Table "journal" may not be used \(AuthorizationFailure: .*docs\/azure\.md/,
      ) as string,
    });
  });
});
