import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startTables } from "@holdfast/tables-emulator";
import { expect, test } from "vitest";
import { clientAt } from "./fixtures.ts";

async function answers(endpoint: string): Promise<boolean> {
  try {
    await fetch(endpoint);
    return true;
  } catch {
    return false;
  }
}

test("the emulator starts as often as asked, each with a store of its own, and stops more than once", async () => {
  const [one, two] = await Promise.all([startTables(), startTables()]);
  expect(one.endpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/devstoreaccount1$/);
  expect(two.endpoint).not.toBe(one.endpoint);
  await clientAt(one, "journal").client.createTable();
  const row = { partitionKey: "a", rowKey: "b" };
  await clientAt(one, "journal").client.createEntity(row);
  await expect(clientAt(two, "journal").client.createEntity(row)).rejects.toMatchObject({ statusCode: 404 });
  await Promise.all([one.stop(), one.stop(), two.stop()]);
  await one.stop();
  expect(await answers(one.endpoint)).toBe(false);
});

test("the emulator ends where its parent is killed", async () => {
  const module = fileURLToPath(import.meta.resolve("@holdfast/tables-emulator"));
  const program = `const { startTables } = await import(${JSON.stringify(module)}); console.log((await startTables()).endpoint);`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [said] = (await once(parent.stdout.setEncoding("utf8"), "data")) as [string];
  const endpoint = said.trim();
  expect(await answers(endpoint)).toBe(true);
  parent.kill("SIGKILL");
  await once(parent, "exit");
  // It is told by a pipe that ends; the test's time is the bound.
  while (await answers(endpoint));
});
