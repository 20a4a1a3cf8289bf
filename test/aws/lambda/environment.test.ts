import { holdfast } from "holdfast";
import { createDeployment, createHttpHandler, createJsonLogger } from "holdfast/aws/lambda";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { readEnvironment } from "../../../src/aws/lambda/environment.ts";
import { environment } from "./environment.ts";

test("a whole environment is read; the queues' prefix is the last part of their URLs", () => {
  expect(readEnvironment(environment)).toMatchObject({
    table: "journal",
    queuePrefix: "shop-",
    log: "info",
    consumer: undefined,
  });
  expect(readEnvironment({ ...environment, HOLDFAST_QUEUES: "http://127.0.0.1:4566/000000000000/" }).queuePrefix).toBe(
    "",
  );
});

test("all that is missing is named at once, with what each holds", () => {
  let message = "";
  try {
    readEnvironment({ HOLDFAST_TABLE: "journal", HOLDFAST_TOPIC: "" });
  } catch (error) {
    expect(error).toMatchObject({ code: "invalid-options" });
    message = String(error);
  }
  const names = Object.keys(environment).filter((name) => name !== "HOLDFAST_TABLE");
  expect(names).toHaveLength(6);
  for (const name of names) expect(message).toContain(`${name} is missing; it holds `);
  expect(message).not.toContain("HOLDFAST_TABLE");
});

test.each(Object.keys(environment))("%s that cannot be right is refused with its value", (name) => {
  expect(() => readEnvironment({ ...environment, [name]: "no thing!" })).toThrowError(
    expect.objectContaining({ message: expect.stringContaining(`${name} is "no thing!"; it has to hold`) }),
  );
});

const h = holdfast();
const unit = h
  .entity("unit", { initial: () => ({}), events: { done: z.object({}) }, evolve: { done: (state) => state } })
  .command("do", { decide: (_state, _input, { events }) => events.done({}) });
const app = h.app({ entities: [unit] });

test("a deployment is refused when the module is loaded, not at the first request", () => {
  expect(() => createDeployment(app, { env: {} })).toThrowError(expect.objectContaining({ code: "invalid-options" }));
  expect(() => createDeployment(app, { env: { ...environment, HOLDFAST_LOG: "loud" } })).toThrowError(
    /HOLDFAST_LOG is "loud"/,
  );
  const unknown = { env: environment, region: "x" };
  expect(() => createDeployment(app, unknown)).toThrowError(/Unknown option "region"/);
});

test("a deployment makes its services once, at the first use, and asks nobody for it", async () => {
  let made = 0;
  const container = createDeployment(app, { env: environment, services: () => ({ made: ++made }) });
  expect(made).toBe(0);
  createHttpHandler(container, { public: true });
  expect((await container.instance()).services).toEqual({ made: 1 });
  await container.messaging();
  expect(await container.instance()).toBe(await container.instance());
  expect(made).toBe(1);
});

describe("the logger", () => {
  function logged(level: string): { readonly log: ReturnType<typeof createJsonLogger>; readonly lines: string[] } {
    const lines: string[] = [];
    return {
      lines,
      log: createJsonLogger(
        level,
        () => 1_767_225_600_000,
        (line) => void lines.push(line),
      ),
    };
  }

  test("writes one JSON line, with time, level and text that no field replaces", () => {
    const { log, lines } = logged("info");
    log.info({ entity: "cart", message: "a\nb", level: 7 }, "request");
    expect(lines).toEqual([
      '{"timestamp":"2026-01-01T00:00:00.000Z","level":"INFO","message":"request","entity":"cart"}\n',
    ]);
  });

  test("leaves out what is below its level; silent says nothing", () => {
    const { log, lines } = logged("warn");
    log.debug({}, "a");
    log.info({}, "b");
    log.warn({}, "c");
    log.error({}, "d");
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(["c", "d"]);
    const silent = logged("silent");
    silent.log.error({}, "e");
    expect(silent.lines).toEqual([]);
  });

  test("writes errors with code, stack and causes, and survives what is no JSON", () => {
    const { log, lines } = logged("info");
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const cause = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    cause.cause = cause;
    log.error({ error: new Error("failed", { cause }), n: 1n }, "a");
    log.error(circular, "b");
    const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(first).toMatchObject({
      n: "1",
      error: { type: "Error", message: "failed", cause: { code: "ECONNREFUSED" } },
    });
    expect(second).toMatchObject({ level: "ERROR", message: "b" });
  });

  test("has no levels but the known ones", () => {
    expect(() => logged("loud")).toThrowError(expect.objectContaining({ code: "invalid-options" }));
  });
});
