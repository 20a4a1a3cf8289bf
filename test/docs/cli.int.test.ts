import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type App, systemPrincipal } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { createTestApp, createVirtualSystem, type TestApp } from "holdfast/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { addDeadLetters, root, shopData, startCli } from "../cli/run-cli.ts";

/** The project whose sessions docs/cli.md shows. */
let project: string;

/** The project of the sessions about workflows: the guide's. */
let purchases: string;

/** `npx holdfast`, from the sources. */
const npx = `npx() { shift; "${process.execPath}" --conditions=holdfast-source "${join(root, "src/cli/main.ts")}" "$@"; }`;

beforeAll(async () => {
  project = await mkdtemp(join(root, "test/docs/.generated-cli-"));
  await mkdir(join(project, "functions"));
  await writeFile(join(project, "functions/app.ts"), 'export { default } from "../../../../examples/shop/app.ts";');
  await mkdir(join(project, ".holdfast"));
  await shopData(join(project, ".holdfast"));
  await addDeadLetters(join(project, ".holdfast"));
  purchases = join(project, "purchases");
  await mkdir(join(purchases, "functions"), { recursive: true });
  await mkdir(join(purchases, ".holdfast"));
  await addPurchases();
});

afterAll(() => rm(project, { recursive: true }));

/** Of the guide's workflow one that waits for its approval, and one whose code had another name for a step when it began. */
async function addPurchases(): Promise<void> {
  const guide = await readFile(join(root, "docs/guide/workflows.md"), "utf8");
  const [, now = ""] = /^```ts\n([\s\S]*?)^```$/m.exec(guide) ?? [];
  const before = now.replace('ctx.run("pay"', 'ctx.run("charge"');
  expect(before).not.toBe(now);
  const file = join(purchases, "functions/app.ts");
  await writeFile(file, now);
  await writeFile(join(purchases, "before.ts"), before);
  const services = { bank: { pay: async () => "receipt-1", payBack: async () => {} } };
  const journal = createSqliteJournal({
    file: join(purchases, ".holdfast/holdfast.db"),
    system: createVirtualSystem(),
  });
  const command = (run: TestApp, id: string, name: string, input: unknown) =>
    run.execute({ entity: "purchase", id, command: name, input, principal: systemPrincipal });
  for (const [module, id] of [
    [join(purchases, "before.ts"), "p2"],
    [file, "p1"],
  ] as const) {
    const { default: app } = (await import(/* @vite-ignore */ module)) as { readonly default: App };
    const run = createTestApp(app, { journal, services });
    await run.started;
    await command(run, id, "start", { product: "rope", amount: 20 });
    await run.delivered();
    if (id === "p1") await command(run, "p2", "signal-approved", { by: "ada" });
    await run.delivered();
    await run.close();
  }
  await journal.close();
  await rm(join(purchases, "before.ts"));
}

test("every session of docs/cli.md prints what the page says", { timeout: 120_000 }, async () => {
  const page = await readFile(join(root, "docs/cli.md"), "utf8");
  const blocks = [...page.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, language, text = ""]) => ({
    language,
    text,
  }));
  const sessions = blocks.flatMap(({ language, text }, i) =>
    language === "sh" ? [{ commands: text, output: blocks[i + 1]?.text }] : [],
  );
  expect(blocks).toHaveLength(2 * sessions.length);
  for (const { commands, output } of sessions) {
    const printed = await (commands.startsWith("npx holdfast dev") ? serve(commands) : session(commands));
    expect(comparable(printed)).toBe(comparable(output));
  }
  const shown = new Set(
    sessions.flatMap(({ commands }) => [...commands.matchAll(/holdfast ([\w-]+)/g)].map(([, c]) => c)),
  );
  expect(shown).toEqual(new Set([...page.matchAll(/^## ([a-z-]+)$/gm)].map(([, command]) => command)));
});

/** Ids, places in the code and how many rows came before a payment are the same in every run, but not in every version. */
const comparable = (text = ""): string =>
  text
    .replaceAll(/\b[0-9a-v]{20}\b/g, "<id>")
    .replaceAll(/\bcli:\S+/g, "cli:<user>")
    .replaceAll(/^ {4}at .*\n/gm, "")
    .replaceAll(/^ *\d+(?= \S+ {2}subscription:payment)/gm, "   12");

async function session(commands: string): Promise<string> {
  const { HOLDFAST_DATA: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)("sh", ["-c", `exec 2>&1\n${npx}\n${commands}`], {
    cwd: commands.includes("holdfast workflows") ? purchases : project,
    env: { ...env, NO_COLOR: "1" },
  });
  // All times of the data are the same; what is erased now gets the page's.
  return stdout.replaceAll(/\d{4}-\d\d-\d\dT(?!00:00:00.000Z)[\d:.]+Z/g, "2026-01-02T09:30:00.000Z");
}

/** The first line of what goes on until it is stopped, on whichever port is free. */
async function serve(commands: string): Promise<string> {
  const child = startCli([...commands.trim().split(" ").slice(2), "--port", "0"], { cwd: project });
  const exited = once(child, "exit");
  let output = "";
  for await (const chunk of child.stderr ?? []) {
    output += String(chunk);
    if (output.includes("\n")) break;
  }
  child.kill();
  await exited;
  return output.replace(/:\d+ /, ":8081 ").replace(project, "/home/ada/shop");
}
