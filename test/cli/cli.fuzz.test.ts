import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import fc from "fast-check";
import { createSystem } from "holdfast";
import { createSqliteJournal } from "holdfast/local";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import shop from "../../examples/shop/app.ts";
import { run } from "../../src/cli/run.ts";
import { hostileText, part, runs } from "../core/fuzz.ts";
import { root, shopData } from "./run-cli.ts";

const app = join(root, "examples/shop/app.ts");

// The command imports the app's file by Node's own import(), which the test runner does not have.
vi.mock("../../src/cli/app-module.ts", async (original) => {
  const real = await original<typeof import("../../src/cli/app-module.ts")>();
  return { ...real, loadApp: async (file: string) => (file.endsWith("shop/app.ts") ? shop : real.loadApp(file)) };
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `process.exit` throws here, so that nothing runs behind it. */
class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** The command in this process: thousands of calls, where a process for each would take an hour. */
async function runHere(args: readonly string[], input: string | Uint8Array = ""): Promise<Ran> {
  const out = { stdout: "", stderr: "" };
  const listeners = [process.stdout, process.stderr].map((stream) => [stream, stream.listeners("error")] as const);
  const spies = (["stdout", "stderr"] as const).map((name) =>
    // The signature has overloads; the code under test uses these two.
    vi.spyOn(process[name], "write").mockImplementation(((text: string | Uint8Array, done?: () => void) => {
      out[name] += String(text);
      done?.();
      return true;
    }) as typeof process.stdout.write),
  );
  const exit = vi.spyOn(process, "exit").mockImplementation((code) => {
    throw new Exit(Number(code ?? 0));
  });
  const stdin = vi
    .spyOn(process, "stdin", "get")
    .mockReturnValue(Readable.from([Buffer.from(input)]) as typeof process.stdin);
  const argv = vi.spyOn(process, "argv", "get").mockReturnValue([process.execPath, "holdfast", ...args]);
  try {
    await run("1.0.0");
  } catch (error) {
    if (error instanceof Exit) return { code: error.code, ...out };
    throw error;
  } finally {
    for (const spy of [...spies, exit, stdin, argv]) spy.mockRestore();
    for (const [stream, before] of listeners) {
      for (const listener of stream.listeners("error")) {
        if (!before.includes(listener)) stream.off("error", listener as () => void);
      }
    }
  }
  throw new Error("the command did not end");
}

/** What holds for every call: one of three codes, a word of why where it failed, and nothing of the inside. */
function check(ran: Ran): void {
  expect([0, 1, 2]).toContain(ran.code);
  const text = stripVTControlCharacters(ran.stderr);
  if (ran.code !== 0) expect(text.trim()).not.toBe("");
  expect(text).not.toMatch(/^\s+at .*[:(]/m);
  expect(text).not.toMatch(/(?:Type|Range|Reference|Syntax)Error|ERR_[A-Z]+|node:internal|\[object/);
}

let data: string;
let cwd: string;
const before = process.cwd();

beforeAll(async () => {
  data = await shopData();
  cwd = mkdtempSync(join(tmpdir(), "holdfast-cli-fuzz-"));
  process.chdir(cwd);
  vi.stubEnv("HOLDFAST_DATA", data);
  vi.stubEnv("NO_COLOR", "1");
});

afterEach(() => void vi.restoreAllMocks());

afterAll(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
  for (const folder of [data, cwd]) rmSync(folder, { recursive: true });
});

// What an operating system cannot hand over is left out, and what would name a folder elsewhere.
const argument = hostileText.filter(
  (text) => !text.includes("\0") && !text.includes("/") && text !== ".." && text !== ".",
);
const commands = [
  "events",
  "list",
  "export",
  "erase",
  "send",
  "replay",
  "manifest",
  "openapi",
  "diagram",
  "init",
] as const;
const option = fc.oneof(
  fc.tuple(
    fc.constantFrom(
      "--tenant",
      "--entity",
      "--limit",
      "--after",
      "--subscription",
      "--queue",
      "--timer",
      "--since",
      "--name",
    ),
    argument,
  ),
  fc.tuple(fc.constantFrom("--id", "--attribute", "--data", "--app", "--check"), argument),
  fc.tuple(
    fc.constantFrom("--tenant", "--entity", "--limit", "--after"),
    fc.constantFrom("default", "cart", "2", "u1"),
  ),
  fc.constantFrom(["--json"], ["--yes"], ["--all"], ["--sends"], ["--timers"], ["--raw"], ["--lines"], ["--again"]),
  fc.constantFrom(
    ["--help"],
    ["-h"],
    ["--version"],
    ["-V"],
    ["--"],
    ["--attribute", "a=b"],
    ["--no-json"],
    ["--json=1"],
  ),
  argument.map((text) => [`--${text}`]),
);
const words = fc.oneof(argument, fc.constantFrom("cart", "u1", "gone", "imports", "1", "0", "list", "show", "{}"));
/** What works, or fails for what is stored. */
const sound = fc.constantFrom<readonly string[]>(
  ["events", "cart", "u1"],
  ["events", "cart", "nobody"],
  ["list", "cart"],
  ["export"],
  ["erase", "cart", "nobody", "--app", app],
  ["erase", "cart", "u1", "--app", app],
  ["send", "imports", "1"],
  ["send", "imports"],
  ["dead-letters", "list"],
  ["dead-letters", "show", "7"],
  ["dead-letters", "drop", "7"],
  ["dead-letters", "redrive", "--all"],
  ["replay", "--subscription", "fulfilment", "--no-wait"],
  ["manifest", "--app", app],
  ["openapi", "--app", app],
  ["diagram", "--app", app],
);
const nonsense = fc
  .tuple(
    fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...commands).map((name) => [name]) },
      {
        weight: 4,
        arbitrary: fc.constantFrom("list", "show", "redrive", "drop", "x").map((name) => ["dead-letters", name]),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom([], ["help"], ["dead-letters"], ["dev", "--port", "x"], ["dev", "--app", "x"]),
      },
      { weight: 1, arbitrary: argument.map((text) => [text]) },
    ),
    fc.array(words, { maxLength: 3 }),
    fc.array(option, { maxLength: 3 }),
  )
  .map(([command, words, options]): readonly string[] => {
    // A replay is waited for; here there is nobody to make it.
    const waits = command[0] === "replay" ? ["--no-wait"] : [];
    return [...command, ...words, ...options.flat(), ...waits];
  })
  // It would serve.
  .filter((args) => args[0] !== "dev" || args.includes("x"));
const call = fc.oneof(
  { weight: 2, arbitrary: nonsense },
  { weight: 1, arbitrary: sound },
  { weight: 2, arbitrary: fc.tuple(sound, option).map(([args, option]) => [...args, ...option]) },
);
const input = fc.oneof(
  fc.constantFrom(
    "",
    "{}",
    "1\n2\n",
    '{"n":1}\r\n\r\n{"n":2}',
    "\ufeff{}",
    '{"__proto__":1}',
    "[".repeat(5_000),
    '"\\ud800"',
  ),
  fc.json({ maxDepth: 2 }),
  fc.uint8Array({ maxLength: 30 }),
);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe("any arguments", () => {
  test("end with 0, 1 or 2 and say why, without a stack trace", async () => {
    const codes = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(call, input, async (args, input) => {
        const ran = await runHere(args, input);
        check(ran);
        codes.set(ran.code, (codes.get(ran.code) ?? 0) + 1);
      }),
      runs(300),
    );
    for (const code of [0, 1, 2]) expect(codes.get(code)).toBeGreaterThan(10);
    expect(existsSync(join(data, "holdfast.db"))).toBe(true);
  });

  test("of a message are sent as they are, or refused with nothing sent", async () => {
    const queue = fc.constantFrom("imports", "q-1");
    const extra = fc.oneof(
      fc.constant([]),
      argument.map((id) => ["--id", id]),
      fc
        .array(fc.tuple(argument, argument), { minLength: 1, maxLength: 2 })
        .map((list) => list.flatMap(([name, value]) => ["--attribute", `${name}=${value}`])),
    );
    const body = fc.oneof(
      fc.json({ maxDepth: 3 }),
      argument,
      fc.constantFrom("-1", "--", "1e400", '{"a":1,"a":2}', "'1'"),
    );
    const sent = { 0: 0, 2: 0 };
    const waiting = async (queue: string) => {
      const journal = createSqliteJournal({ file: join(data, "holdfast.db"), system: createSystem() });
      const { messages } = await journal.due(`queue:${queue}`, { now: Date.now() + 1_000, limit: 10_000 });
      await journal.close();
      return messages;
    };
    await fc.assert(
      fc.asyncProperty(queue, body, extra, fc.boolean(), async (queue, body, extra, asInput) => {
        const earlier = await waiting(queue);
        const ran = asInput
          ? await runHere(["send", queue, ...extra], body)
          : await runHere(["send", queue, ...extra, "--", body]);
        check(ran);
        const later = await waiting(queue);
        if (!isJson(body)) expect(ran.code).toBe(2);
        if (ran.code !== 0) {
          sent[2]++;
          expect(later).toEqual(earlier);
          return;
        }
        sent[0]++;
        expect(later.length).toBe(earlier.length + 1);
        const message = later.find(({ id }) => !earlier.some((one) => one.id === id));
        expect(message?.body).toBe(body.trim());
        expect(ran.stdout).toBe(`${message?.name}\n`);
      }),
      runs(40),
    );
    expect(sent[0]).toBeGreaterThan(5);
    expect(sent[2]).toBeGreaterThan(5);
  });

  test("about a damaged journal end with 0, 1 or 2 and say why", async () => {
    const whole = readFileSync(join(data, "holdfast.db"));
    const folder = mkdtempSync(join(cwd, "damaged-"));
    const asked = [
      ["events", "cart", "u1"],
      ["list", "cart"],
      ["export"],
      ["dead-letters", "list"],
      ["erase", "cart", "u1", "--app", app],
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(part, fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.constantFrom(...asked),
        async (changes, args) => {
          const copy = Buffer.from(whole);
          for (const [a, byte] of changes) copy[4_096 + Math.floor(a * (copy.length - 4_096))] = byte;
          for (const file of readdirSync(folder)) rmSync(join(folder, file));
          writeFileSync(join(folder, "holdfast.db"), copy);
          check(await runHere([...args, "--data", folder]));
        },
      ),
      runs(60),
    );
  });
});
