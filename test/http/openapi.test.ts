import { holdfast, systemPrincipal } from "holdfast";
import { createOpenApi } from "holdfast/http";
import { createTestApp } from "holdfast/testing";
import { workflow } from "holdfast/workflows";
import { expect, test } from "vitest";
import * as z from "zod";
import { app, createFixture } from "./fixtures.ts";

type Json = { readonly [key: string]: unknown };

/** Every `$ref` of the document. */
function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === "$ref" && typeof item === "string" ? [item] : references(item),
  );
}

/** What a reference within the document points to. Source: RFC 6901. */
function resolve(document: unknown, reference: string): unknown {
  return reference
    .slice(2)
    .split("/")
    .reduce<unknown>((at, part) => (at as Json)[part.replaceAll("~1", "/").replaceAll("~0", "~")], document);
}

const at = (document: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((value, key) => (value as Json | undefined)?.[key], document);

test("the document has each entity's paths, and only what it shows", () => {
  const { paths, openapi } = createOpenApi(app);
  expect(openapi).toBe("3.1.0");
  expect(Object.keys(paths).filter((path) => path.startsWith("/api/vault"))).toEqual([
    "/api/vault/{id}/open",
    "/api/vault/{id}/lock",
  ]);
  expect(Object.keys(paths)).toContain("/api/box/{id}");
  expect(Object.keys(paths)).toContain("/api/box/{id}/events");
  expect(Object.keys(paths)).not.toContain("/api/pile/{id}/events");
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(["/healthz", "/readyz"]));
});

test("every reference resolves, every operation has an id of its own and says how it fails", () => {
  const document = createOpenApi(app);
  const found = references(document);
  expect(found.length).toBeGreaterThan(50);
  for (const reference of found) expect([reference, resolve(document, reference)]).not.toEqual([reference, undefined]);
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path as Json));
  const ids = operations.map((operation) => at(operation, "operationId"));
  expect(new Set(ids).size).toBe(operations.length);
  for (const [path, item] of Object.entries(document.paths)) {
    if (!path.startsWith("/api/")) continue;
    for (const operation of Object.values(item as Json)) {
      expect(Object.keys(at(operation, "responses") as Json)).toEqual(expect.arrayContaining(["400", "401", "503"]));
    }
  }
});

test("inputs and events come from their schemas; a command without input has no body", () => {
  const document = createOpenApi(app, { title: "Boxes", version: "1.2.3" });
  expect(document.info).toEqual({ title: "Boxes", version: "1.2.3" });
  const put = at(document.paths, "/api/box/{id}/put", "post");
  expect(at(put, "requestBody", "content", "application/json", "schema")).toEqual({
    $ref: "#/components/schemas/box.put.input",
  });
  expect(at(document.components, "schemas", "box.put.input")).toMatchObject({
    type: "object",
    properties: { value: { type: "number" } },
    required: ["value"],
  });
  expect(at(document.components, "schemas", "box.noted.event")).toMatchObject({
    properties: { text: { type: "string" } },
  });
  expect(at(document.paths, "/api/box/{id}/ping", "post")).not.toHaveProperty("requestBody");
});

test("references within a schema point to where it now stands", () => {
  const node = z.object({
    name: z.string(),
    get children() {
      return z.array(node);
    },
  });
  const h = holdfast();
  const tree = h
    .entity("tree", { initial: () => 0, events: {}, evolve: {} })
    .command("grow", { input: node, decide: () => [] })
    .command("plant", { input: z.object({ first: node.meta({ id: "Node" }), second: node }), decide: () => [] })
    .command("literal", { input: z.object({ $ref: z.literal("#/$defs/x") }), decide: () => [] });
  const document = createOpenApi(h.app({ entities: [tree] }));
  for (const reference of references(document)) {
    if (reference.startsWith("#/$defs")) continue;
    expect([reference, resolve(document, reference)]).not.toEqual([reference, undefined]);
  }
  expect(references(at(document.components, "schemas", "tree.grow.input")).length).toBeGreaterThan(0);
  expect(references(at(document.components, "schemas", "tree.grow.input"))).not.toContain("#");
  expect(JSON.stringify(at(document.components, "schemas", "tree.literal.input"))).toContain('"const":"#/$defs/x"');
});

test("a schema that cannot say what it is becomes {} with one warning each", () => {
  const silent = {
    "~standard": { version: 1, vendor: "homemade", validate: (value: unknown) => ({ value }) },
  } as const;
  const h = holdfast();
  const thing = h
    .entity("thing", { initial: () => 0, events: {}, evolve: {} })
    .command("any", { input: silent, decide: () => [] })
    .command("when", { input: z.object({ at: z.date() }), decide: () => [] });
  const warnings: object[] = [];
  const log = { warn: (fields: object) => void warnings.push(fields) };
  const document = createOpenApi(h.app({ entities: [thing] }), {}, log);
  expect(at(document.components, "schemas", "thing.any.input")).toEqual({});
  expect(at(document.components, "schemas", "thing.when.input")).toEqual({});
  expect(warnings).toMatchObject([
    { what: "thing.any.input", vendor: "homemade" },
    { what: "thing.when.input", error: expect.any(Error) },
  ]);
});

test("/openapi.json serves it, built once", async () => {
  const fixture = createFixture({ http: { info: { title: "Boxes" } } });
  const first = await fixture.send("GET", "/openapi.json");
  expect([first.status, first.headers.get("content-type")]).toEqual([200, "application/json"]);
  const text = await first.text();
  expect(JSON.parse(text)).toMatchObject({ openapi: "3.1.0", info: { title: "Boxes" } });
  const again = await fixture.send("GET", "/openapi.json", { headers: { "x-correlation-id": "c2" } });
  expect(await again.text()).toBe(text);
  expect(again.headers.get("x-correlation-id")).toBe("c2");
});

test("a workflow is started, told, cancelled and looked at; how it works is not shown", async () => {
  const signals = { answered: z.object({ answer: z.string() }), "told-off": z.object({}) };
  const input = z.object({ question: z.string() });
  const run = async () => "because";
  const ask = workflow("ask", { input, signals, run, history: true });
  const app = holdfast().app({ entities: [], workflows: [ask] });
  const warnings: object[] = [];
  const document = createOpenApi(app, {}, { warn: (fields) => void warnings.push(fields) });
  expect(warnings).toEqual([]);
  expect(Object.keys(document.paths).filter((path) => path.startsWith("/api/"))).toEqual([
    "/api/ask/{id}",
    "/api/ask/{id}/events",
    "/api/ask/{id}/start",
    "/api/ask/{id}/signals/answered",
    "/api/ask/{id}/signals/told-off",
    "/api/ask/{id}/cancel",
    "/api/ask/{id}/retry",
  ]);
  for (const reference of references(document)) {
    expect([reference, resolve(document, reference)]).not.toEqual([reference, undefined]);
  }
  const schemaOf = (path: string) =>
    at(document.paths, path, "post", "requestBody", "content", "application/json", "schema", "$ref");
  const told = resolve(document, String(schemaOf("/api/ask/{id}/signals/answered")));
  expect(told).toMatchObject({ properties: { answer: { type: "string" } } });
  expect(schemaOf("/api/ask/{id}/cancel")).toBeUndefined();
  expect(Object.keys(at(document.paths, "/api/ask/{id}/start", "post", "responses") as Json)).not.toContain("200");

  // What the schema says is what the view shows.
  const shown = at(document.paths, "/api/ask/{id}", "get", "responses", "200", "content", "application/json", "schema");
  expect(shown).toEqual({ $ref: "#/components/schemas/WorkflowView" });
  const { required, properties } = resolve(document, "#/components/schemas/WorkflowView") as {
    readonly required: readonly string[];
    readonly properties: Json;
  };
  const test = createTestApp(app);
  const view = async () => (await test.view({ entity: "ask", id: "a1", principal: systemPrincipal })).view as Json;
  const before = await view();
  await test.call(ask, "a1").start({ question: "why" });
  await test.delivered();
  const after = await view();
  expect(Object.keys(before).toSorted()).toEqual(required.toSorted());
  expect(Object.keys(after).toSorted()).toEqual([...required, "output"].toSorted());
  for (const name of Object.keys(after)) expect(Object.keys(properties)).toContain(name);
  for (const { status } of [before, after]) expect(at(properties, "status", "enum")).toContain(status);
});

test("an app without workflows has nothing of theirs in its document", () => {
  expect(JSON.stringify(createOpenApi(app))).not.toContain("Workflow");
});
