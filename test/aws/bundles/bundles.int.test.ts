import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { HttpAnswer } from "holdfast/aws/lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { environment } from "../lambda/environment.ts";
import { urlEvent } from "../lambda/fixtures.ts";
import { bounds } from "./bounds.ts";
import { buildAll, entryOf, names, type Name } from "./build.ts";
import { ask, loadedBy, ownersOf, type Loaded } from "./loaded.ts";

const folder = mkdtempSync(join(tmpdir(), "holdfast-bundles-"));
const loaded = new Map<Name, Loaded>();

beforeAll(async () => {
  await buildAll(folder, ["holdfast", "same"]);
  for (const name of names) loaded.set(name, loadedBy(entryOf(folder, "holdfast", name)));
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

function of(name: Name): Loaded {
  const known = loaded.get(name);
  if (!known) throw new Error(`The bundle of ${name} was not loaded.`);
  return known;
}

interface Said<Answer> {
  readonly files: readonly string[];
  readonly hasFetch: boolean;
  readonly answer: Answer;
}

function invoke<Answer>(name: Name, event: unknown): Said<Answer> {
  return ask<Said<Answer>>("answer", entryOf(folder, "holdfast", name), JSON.stringify(event));
}

test.each(names)("%s starts with at most so much more than a bare handler with the same clients", (name) => {
  const same = loadedBy(entryOf(folder, "same", name));
  const more = (of(name).deflated - same.deflated) / 1_000;
  expect(same.deflated).toBeGreaterThan(80_000);
  expect(more).toBeGreaterThan(20);
  expect(more).toBeLessThanOrEqual(bounds.deflatedKb[name]);
});

const messaging = ["@aws-sdk/client-sns", "@aws-sdk/client-sqs", "@aws-sdk/client-scheduler"];
const others = ["pino", "jose", "commander", "@hono/node-server", "@opentelemetry/api", "bowser", "fast-check"];

test.each<[Name, with_: readonly string[], without: readonly string[]]>([
  ["http", ["@aws-sdk/client-dynamodb", "hono", "@middy/core"], [...messaging, "src/aws/sns-sqs", "croner"]],
  ["stream", ["@aws-sdk/client-dynamodb", "@middy/core", ...messaging], ["hono", "croner"]],
  ["queue", ["@aws-sdk/client-dynamodb", "@middy/core", ...messaging, "croner"], ["hono"]],
])("%s starts with what it needs, and nothing of the others", (name, needed, needless) => {
  const owners = [...ownersOf(entryOf(folder, "holdfast", name), of(name)).keys()];
  expect(owners).toEqual(expect.arrayContaining([...needed]));
  for (const owner of [...needless, ...others]) expect(owners).not.toContain(owner);
  const folders = owners.filter((owner) => owner.startsWith("src")).map((owner) => owner.split("/")[1]);
  expect([...new Set(folders)].filter((folder) => folder !== undefined).toSorted()).toEqual(["aws", "core", "http"]);
});

const http = (method: string, target: string): unknown => urlEvent({ method, target });

test("http answers a request, also one that needs the store, with what it has started with, and without Node's fetch", () => {
  for (const [target, status] of [
    ["/healthz", 200],
    ["/api/cart/u1", 503],
  ] as const) {
    const { answer, files, hasFetch } = invoke<HttpAnswer>("http", http("GET", target));
    expect([answer.statusCode, files, hasFetch], target).toEqual([status, of("http").files, false]);
  }
});

test("http loads the OpenAPI document's words where somebody asks for it", () => {
  const { answer, files } = invoke<HttpAnswer>("http", http("GET", "/openapi.json"));
  expect(Object.keys((JSON.parse(answer.body) as { paths: object }).paths)).toContain("/api/cart/{id}/addItem");
  expect(files.slice(of("http").files.length)).toEqual([expect.stringMatching(/^openapi-/)]);
});

const record = {
  messageId: "m1",
  receiptHandle: "r1",
  body: "{}",
  attributes: { ApproximateReceiveCount: "1", SentTimestamp: "0" },
  eventSource: "aws:sqs",
  eventSourceARN: "arn:aws:sqs:eu-central-1:123456789012:shop-queue-imports",
};

test.each<[Name, event: object, answer: object]>([
  ["stream", { Records: [] }, { batchItemFailures: [] }],
  ["queue", { Records: [record] }, { batchItemFailures: [{ itemIdentifier: "m1" }] }],
])(
  "%s has loaded its clients when the container has started: the first invocation loads nothing",
  (name, event, said) => {
    const { answer, files } = invoke(name, event);
    expect([answer, files]).toEqual([said, of(name).files]);
  },
);

test.each(names)("%s does not start without its environment, and names what is missing", (name) => {
  const { HOLDFAST_TOPIC: _missing, ...rest } = environment;
  const url = pathToFileURL(entryOf(folder, "holdfast", name)).href;
  const script = `await import(${JSON.stringify(url)})`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...rest, AWS_REGION: "eu-central-1" },
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([1, expect.stringContaining("HOLDFAST_TOPIC is missing; it holds the ARN")]);
});
