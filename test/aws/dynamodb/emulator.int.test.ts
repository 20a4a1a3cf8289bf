import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CreateTableCommand, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { startDynamo } from "@holdfast/dynamodb-emulator";
import { tableInput } from "holdfast/aws/dynamodb";
import { expect, test } from "vitest";
import { clientAt, describeOnDynamo } from "./fixtures.ts";

test("where the emulator is not installed, it says so and what it is for", async () => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-emulator-"));
  try {
    // Outside of the project npm has installed nothing.
    const source = fileURLToPath(import.meta.resolve("@holdfast/dynamodb-emulator"));
    copyFileSync(source, join(folder, "index.ts"));
    const copy = (await import(
      /* @vite-ignore */ join(folder, "index.ts")
    )) as typeof import("@holdfast/dynamodb-emulator");
    const reason = /^the DynamoDB emulator \(@dynoxide\/linux-x64\) is for linux-x64 only, and this is \w+-\w+/;
    expect(copy.whyNoDynamo()).toMatch(reason);
    await expect(copy.startDynamo()).rejects.toThrow(reason);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describeOnDynamo("the emulator", () => {
  test("starts as often as asked, each with a store of its own, and stops more than once", async () => {
    const [one, two] = await Promise.all([startDynamo(), startDynamo()]);
    expect(one.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(two.endpoint).not.toBe(one.endpoint);
    const [first, second] = [clientAt(one.endpoint), clientAt(two.endpoint)];
    await first.send(new CreateTableCommand(tableInput("journal")));
    expect((await first.send(new ListTablesCommand())).TableNames).toEqual(["journal"]);
    expect((await second.send(new ListTablesCommand())).TableNames).toEqual([]);
    await Promise.all([one.stop(), one.stop(), two.stop()]);
    await one.stop();
    await expect(clientAt(one.endpoint, 1).send(new ListTablesCommand())).rejects.toThrow();
  });
});
