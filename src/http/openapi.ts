import type { App } from "../core/app.ts";
import type { CommandDefinition, EntityDefinition } from "../core/entity/definition.ts";
import type { Schema } from "../core/entity/schema.ts";
import type { Logger } from "../core/runtime/system.ts";
import { jsonType } from "./answer.ts";
import { jsonSchemaOf, type JsonSchema } from "./json-schema.ts";
import { headers, parameters, problems, reference, responses, schemas } from "./openapi-components.ts";
import { workflowSchemas } from "./openapi-workflows.ts";

export interface OpenApiInfo {
  /** Default `Holdfast app`. */
  readonly title?: string;
  /** Of the app, not of OpenAPI. Default `0.0.0`. */
  readonly version?: string;
}

/** An OpenAPI document, as plain JSON. */
export interface OpenApi {
  readonly openapi: "3.1.0";
  readonly info: Required<OpenApiInfo>;
  readonly paths: { readonly [path: string]: object };
  readonly components: object;
}

/** Adds a schema to the document's components and returns the reference to it. */
type AddSchema = (name: string, schema: Schema, side: "input" | "output") => object;

/**
 * The OpenAPI 3.1 document of all entities: commands with their inputs, views, histories with their events, all problems.
 * Where a schema's library does not offer Standard JSON Schema it says `{}`, once warned of in the log. Replies and views
 * have no schema at run time, so they say `{}` too, but for workflows: their views are all alike. Source: OpenAPI Specification 3.1.
 */
export function createOpenApi(app: App, info: OpenApiInfo = {}, log?: Pick<Logger, "warn">): OpenApi {
  const own: { [name: string]: object } = {};
  const add: AddSchema = (name, schema, side) => {
    const pointer = `#/components/schemas/${name}`;
    own[name] = jsonSchemaOf(schema, side, { pointer, what: name, log });
    return { $ref: pointer };
  };
  const paths: { [path: string]: object } = {};
  for (const entity of app.entities.values()) {
    const path = `/api/${entity.name}/{id}`;
    if (entity.view) paths[path] = { get: viewOperation(entity) };
    if (entity.history) paths[`${path}/events`] = { get: eventsOperation(entity, add) };
    const signals = new Map(entity.workflow?.signals.map((name) => [`signal-${name}`, `signals/${name}`]));
    for (const command of entity.commands.values()) {
      if (command.internal) continue;
      const rest = signals.get(command.name) ?? command.name;
      paths[`${path}/${rest}`] = { post: commandOperation(entity, command, add) };
    }
  }
  Object.assign(paths, health);
  return {
    openapi: "3.1.0",
    info: { title: info.title ?? "Holdfast app", version: info.version ?? "0.0.0" },
    paths,
    components: { parameters, headers, responses, schemas: { ...schemas, ...ofWorkflows(app), ...own } },
  };
}

function ofWorkflows({ entities }: App): { readonly [name: string]: object } {
  return [...entities.values()].some(({ workflow }) => workflow) ? workflowSchemas : {};
}

const correlated = { "X-Correlation-Id": reference("headers", "correlationId") };
const tagged = { ETag: reference("headers", "etag"), ...correlated };

function commandOperation(entity: EntityDefinition, command: CommandDefinition, add: AddSchema): object {
  const name = `${entity.name}.${command.name}`;
  const replied = { ...tagged, "Idempotency-Replayed": reference("headers", "replayed") };
  const input = command.input && add(`${name}.input`, command.input, "input");
  const { workflow } = entity;
  return {
    operationId: name,
    ...(workflow && { description: workflowCommands[command.name] ?? "Tells it that signal, waited for or not." }),
    tags: [entity.name],
    parameters: ["id", "idempotencyKey", "ifMatch", "correlationId"].map((key) => reference("parameters", key)),
    ...(input && { requestBody: { required: true, content: { [jsonType]: { schema: input } } } }),
    responses: {
      ...(!workflow && {
        200: { description: "Accepted, with a reply.", headers: replied, content: { [jsonType]: { schema: {} } } },
      }),
      204: { description: "Accepted, without a reply.", headers: replied },
      ...problems(400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 429, 500, 503),
    },
  };
}

/** What can be asked of any workflow. */
const workflowCommands: { readonly [command: string]: string } = {
  start: "Begins it, once for an id; else it is refused with `workflow-exists`.",
  cancel: "What it waits for fails, and its compensations run. Refused with `workflow-ended` where it does not run.",
  retry: "Has one that was stopped go on; else it is refused with `workflow-not-stopped`.",
};

function viewOperation(entity: EntityDefinition): object {
  const schema = entity.workflow ? reference("schemas", "WorkflowView") : {};
  return {
    operationId: `${entity.name}.view`,
    tags: [entity.name],
    parameters: ["id", "ifNoneMatch", "correlationId"].map((key) => reference("parameters", key)),
    responses: {
      200: { description: "The public view.", headers: tagged, content: { [jsonType]: { schema } } },
      304: { description: "Still at the version that the client has.", headers: tagged },
      ...problems(400, 401, 403, 404, 410, 429, 500, 503),
    },
  };
}

function workflowData(type: string): object {
  return type === "ended" ? reference("schemas", "WorkflowEnd") : {};
}

function eventsOperation(entity: EntityDefinition, add: AddSchema): object {
  const kinds = [...entity.events.values()].map(({ type, schema }): JsonSchema => {
    const name = `${entity.name}.${type}`;
    // What a workflow's own say is nobody's to rely on, but that it has ended, and how.
    const data = entity.workflow ? workflowData(type) : add(`${name}.event`, schema, "output");
    return { properties: { type: { const: name }, data } };
  });
  const event = { allOf: [reference("schemas", "Event"), { anyOf: kinds }] };
  const page = {
    type: "object",
    required: ["events"],
    properties: {
      events: { type: "array", items: kinds.length > 0 ? event : reference("schemas", "Event") },
      next: { description: "`after` of the page that follows; absent at the end.", type: "integer", minimum: 1 },
    },
  };
  return {
    operationId: `${entity.name}.events`,
    tags: [entity.name],
    parameters: ["id", "after", "limit", "lastEventId", "correlationId"].map((key) => reference("parameters", key)),
    responses: {
      200: {
        description: "A page of the history; as text/event-stream, the history as it happens.",
        headers: correlated,
        content: { [jsonType]: { schema: page }, "text/event-stream": { schema: { type: "string" } } },
      },
      ...problems(400, 401, 403, 404, 410, 429, 500, 503),
    },
  };
}

const status = { type: "object", properties: { status: { const: "ok" } } };
const fine = { description: "Yes.", headers: correlated, content: { [jsonType]: { schema: status } } };
const health = {
  "/healthz": { get: { operationId: "healthz", responses: { 200: fine } } },
  "/readyz": { get: { operationId: "readyz", responses: { 200: fine, ...problems(503) } } },
};
