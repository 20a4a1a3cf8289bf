import { createRuntime, createSystem, type Journal, silentLogger } from "holdfast";
import { expect, test } from "vitest";
import { runCli, type Ran } from "./run-cli.ts";
import app, { approval } from "./workflow-app.ts";

/** Where {@link fill} has stored its workflows. */
export interface Place {
  /** By which the commands find it. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Takes what has come to the driver of approvals: types of events by id. */
  woken(): Promise<readonly string[]>;
}

export const appOptions: readonly string[] = ["--app", new URL("./workflow-app.ts", import.meta.url).pathname];

/** Stores approvals: two that wait, two that are stopped, one that has failed; as their driver does it, on any journal. */
export async function fill(journal: Journal): Promise<void> {
  const runtime = createRuntime(app, { journal, system: createSystem() });
  const how = { a1: "wait", a2: "nothing", a3: "fail", a4: "nothing", a5: "wait" } as const;
  for (const [id, one] of Object.entries(how)) {
    await runtime.call(approval, id).start({ what: `tool of ${id}`, how: one });
    await drive(runtime, id);
  }
  await runtime.close();
}

/** One go of the driver. */
export async function drive(runtime: ReturnType<typeof createRuntime>, id: string): Promise<void> {
  const event = { tenant: "default", subject: id } as Parameters<typeof approval.driver.definition.handle>[0];
  const context = { services: undefined, log: silentLogger, signal: new AbortController().signal };
  // What the driver looks at.
  await approval.driver.definition.handle(event, context as never, runtime, {});
}

/** A message to the driver: `a1 resumed`. */
export function wokenBy({ body }: { readonly body: string }): string {
  const { subject, type } = JSON.parse(body) as { readonly subject: string; readonly type: string };
  return `${subject} ${type.replace("approval.", "")}`;
}

/** What the commands do on every target, from looking to waking. To be called once in a `describe`. */
export function testWorkflowCommands(place: () => Place): void {
  const holdfast = (...args: readonly string[]): Promise<Ran> =>
    runCli(["workflows", ...args, ...appOptions], { env: place().env, cwd: place().cwd ?? "/tmp" });

  test("list prints each with its status, what it waits for and why it was stopped", async () => {
    const { code, stdout, stderr } = await holdfast("list");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
    expect(stdout).toMatch(
      new RegExp(
        [
          `^${time}  approval "a1"  running  2 facts`,
          `      waits for signal approved until ${time}`,
          `${time}  approval "a2"  stopped  1 fact`,
          `      workflow-waits-for-nothing: Workflow approval "a2" waits for something that is not of its context; .*`,
          `${time}  approval "a3"  failed  1 fact`,
          `      workflow-failed: Error: There is no tool of a3.`,
          `${time}  approval "a4"  stopped  1 fact\n.*`,
          `${time}  approval "a5"  running  2 facts\n.*\n$`,
        ].join("\n"),
      ),
    );
    const some = await holdfast("list", "approval", "--status", "stopped", "--json");
    const lines = some.stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { workflow: "approval", id: "a2", status: "stopped", version: 1, run: 1, facts: 1, waiting: [] },
      { workflow: "approval", id: "a4", failure: { code: "workflow-waits-for-nothing" } },
    ]);
  });

  test("show prints all of one, with its history", async () => {
    const { stdout } = await holdfast("show", "approval", "a1");
    expect(stdout).toMatch(/^workflow {3}approval\nid {9}a1\nstatus {5}running\nversion {4}1\nrun {8}1, began 2/);
    expect(stdout).toContain('\ninput      {"what":"tool of a1","how":"wait"}\n');
    expect(stdout).toMatch(/\nwaits for {2}signal approved until 2\S+Z\n\n/);
    expect(stdout).toMatch(/\n {4}1 2\S+Z {2}run open ticket done "ticket of tool of a1"\n/);
    expect(stdout).toMatch(/\n {4}2 2\S+Z {2}until approved began, until 2\S+Z\n$/);
  });

  test("retry has a stopped one go on, and cancel has one undone: whoever drives it is told", async () => {
    await place().woken();
    const refused = await holdfast("retry", "approval", "a1");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain(
      "Workflow approval is running; only what was stopped is tried again. (workflow-not-stopped)\n",
    );
    expect(await place().woken()).toEqual([]);
    expect(await holdfast("retry", "approval", "a2")).toMatchObject({
      code: 0,
      stdout: 'approval "a2" goes on.\n',
      stderr: "",
    });
    expect(await place().woken()).toEqual(["a2 resumed"]);
    expect(await holdfast("cancel", "approval", "a1")).toMatchObject({
      code: 0,
      stdout: 'approval "a1" is being cancelled.\n',
      stderr: "",
    });
    expect(await place().woken()).toEqual(["a1 cancelRequested"]);
  });

  test("retry --all has all that are stopped go on, once that is said", async () => {
    expect(await holdfast("retry", "approval", "--all")).toEqual({
      code: 1,
      stdout: "",
      stderr: "This would have 1 stopped workflow approval go on. Say --yes.\n",
    });
    expect(await place().woken()).toEqual([]);
    expect(await holdfast("retry", "approval", "--all", "--yes")).toEqual({
      code: 0,
      stdout: "1 stopped workflow approval goes on.\n",
      stderr: "",
    });
    expect(await place().woken()).toEqual(["a4 resumed"]);
    expect((await holdfast("retry", "approval", "--all", "--yes")).stdout).toBe("No workflow approval is stopped.\n");
  });
}
