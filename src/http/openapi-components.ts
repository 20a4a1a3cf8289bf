import { problemType } from "./answer.ts";

/** What all entities share in the OpenAPI document. */
export const parameters: object = {
  id: {
    name: "id",
    in: "path",
    required: true,
    description:
      "1 to 256 bytes of UTF-8 in NFC, percent-encoded; no control characters, none of / \\ ? #, not . or .. .",
    schema: { type: "string", minLength: 1, maxLength: 256 },
  },
  idempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description:
      "Within the window a command takes effect once per key and answers the same each time. Quoted if it has a comma.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
  ifMatch: {
    name: "If-Match",
    in: "header",
    description: 'Run only at this version, e.g. "3"; "0": only if absent; *: only if it exists.',
    schema: { type: "string" },
  },
  ifNoneMatch: {
    name: "If-None-Match",
    in: "header",
    description: "304 if the entity is still at that version.",
    schema: { type: "string" },
  },
  correlationId: {
    name: "X-Correlation-Id",
    in: "header",
    description: "Goes through logs, traces and the audit trail; made where it is missing.",
    schema: { type: "string", minLength: 1, maxLength: 128 },
  },
  after: {
    name: "after",
    in: "query",
    description: "Version of the last event that is known.",
    schema: { type: "integer", minimum: 0, default: 0 },
  },
  limit: { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 1_000, default: 100 } },
  lastEventId: {
    name: "Last-Event-ID",
    in: "header",
    description: "With server-sent events: resume after this version.",
    schema: { type: "integer", minimum: 0 },
  },
};

export const headers: object = {
  etag: { description: "The number of events in the stream, quoted.", schema: { type: "string" } },
  replayed: { description: "Present if the stored answer was sent again.", schema: { const: "true" } },
  correlationId: { description: "The request's correlation id.", schema: { type: "string" } },
  retryAfter: { description: "Seconds.", schema: { type: "integer", minimum: 1 } },
};

export const schemas: { readonly [name: string]: object } = {
  Problem: {
    description: "RFC 9457 problem details. `code` is stable.",
    type: "object",
    required: ["type", "title", "status", "code", "instance"],
    properties: {
      type: { const: "about:blank" },
      title: { type: "string" },
      status: { type: "integer" },
      code: { type: "string" },
      detail: { type: "string" },
      instance: { description: "The correlation id, percent-encoded.", type: "string" },
    },
  },
  Rejection: {
    description: "The entity has refused the command. `code` is the entity's own.",
    allOf: [{ $ref: "#/components/schemas/Problem" }],
    type: "object",
    required: ["rejected", "version"],
    properties: { rejected: { const: true }, version: { type: "integer", minimum: 0 } },
  },
  ValidationProblem: {
    allOf: [{ $ref: "#/components/schemas/Problem" }],
    type: "object",
    properties: {
      errors: {
        type: "array",
        items: {
          type: "object",
          required: ["message", "path"],
          properties: {
            message: { type: "string" },
            path: { type: "array", items: { type: ["string", "integer"] } },
          },
        },
      },
    },
  },
  Event: {
    type: "object",
    required: ["id", "type", "version", "time", "data"],
    properties: {
      id: { type: "string" },
      type: { type: "string" },
      version: { description: "Place among the events of the entity, from 1.", type: "integer", minimum: 1 },
      time: { description: "Epoch milliseconds.", type: "integer" },
      data: true,
    },
  },
};

function problem(description: string, schema = "Problem", extra: object = {}): object {
  return {
    description,
    headers: { "X-Correlation-Id": { $ref: "#/components/headers/correlationId" }, ...extra },
    content: { [problemType]: { schema: { $ref: `#/components/schemas/${schema}` } } },
  };
}

const retryAfter = { "Retry-After": { $ref: "#/components/headers/retryAfter" } };
const decided = {
  ETag: { $ref: "#/components/headers/etag" },
  "Idempotency-Replayed": { $ref: "#/components/headers/replayed" },
};

export const responses: object = {
  badRequest: problem("malformed-json, invalid-id, invalid-idempotency-key, invalid-if-match, invalid-query"),
  unauthenticated: problem("unauthenticated"),
  forbidden: problem("forbidden, cross-origin"),
  notFound: problem("unknown-entity, unknown-command, not-found, no-view, no-history"),
  rejected: problem("The rejection's own code (a command may choose another 4xx).", "Rejection", decided),
  erased: problem("erased"),
  versionMismatch: problem("version-mismatch"),
  tooLarge: problem("payload-too-large, event-too-large, record-too-large, entity-too-large"),
  unsupportedMediaType: problem("unsupported-media-type"),
  unprocessable: problem(
    "validation-failed, idempotency-key-reused, idempotency-key-expired, too-many-timers",
    "ValidationProblem",
  ),
  rateLimited: problem("rate-limited: the caller has sent too much; retry with the same key", "Problem", retryAfter),
  internal: problem("internal"),
  unavailable: problem(
    "overloaded, outcome-unknown, deadline-exceeded, unknown-event, unavailable: retry with the same key",
    "Problem",
    retryAfter,
  ),
};

/** References to the responses that the given statuses have. */
export function problems(...statuses: readonly (keyof typeof names)[]): object {
  return Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${names[status]}` }]));
}

const names = {
  400: "badRequest",
  401: "unauthenticated",
  403: "forbidden",
  404: "notFound",
  409: "rejected",
  410: "erased",
  412: "versionMismatch",
  413: "tooLarge",
  415: "unsupportedMediaType",
  422: "unprocessable",
  429: "rateLimited",
  500: "internal",
  503: "unavailable",
} as const;

export function reference(kind: "parameters" | "headers" | "schemas", name: string): object {
  return { $ref: `#/components/${kind}/${name}` };
}
