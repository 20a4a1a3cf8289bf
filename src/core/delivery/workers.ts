import { validate } from "../entity/schema.ts";
import { HoldfastError, isHoldfastError } from "../errors.ts";
import { parseJson, type JsonValue } from "../json.ts";
import type { WorkerDefinition } from "../messaging/definition.ts";
import { aboutOf, runHandler } from "../messaging/handler.ts";
import { readCorrelation, readTrace } from "../runtime/telemetry.ts";
import type { ConsumerSpec } from "./spec.ts";
import type { DeliveryPorts } from "./ports.ts";

/** The consumer of a worker's queue. Messages are foreign: nothing is believed of them. */
export function workerConsumer({ runtime, services }: DeliveryPorts, definition: WorkerDefinition): ConsumerSpec {
  const { policy, tenant } = definition;
  const name = `worker:${definition.name}`;
  return {
    name: queueConsumer(definition.queue),
    start: "now",
    policy,
    async run({ message, attempt, stop, about: known }) {
      if (!message) return undefined;
      const id = message.name ?? String(message.id);
      const attributes = (message.attributes === undefined ? {} : parseJson(message.attributes)) as {
        [name: string]: string;
      };
      const about = { id, attributes };
      const correlation = readCorrelation(attributes["correlationid"]) ?? `${definition.queue}-${id}`.slice(0, 128);
      const trace = readTrace(attributes["traceparent"]);
      const context = { correlation, causation: id.slice(0, 128), ...(trace !== undefined && { trace }) };
      // Also where its body turns out to be no input.
      aboutOf(id, context, known);
      const input = await inputOf(definition, message.body ?? "");
      if (definition.authorize && (await definition.authorize(input, about)) !== true) {
        throw new HoldfastError("forbidden", `${name} may not do what message "${id}" asks for.`);
      }
      const key = keyOf(definition, input) ?? id;
      // Without a time: the same message may come again any time later.
      const cause = { id: `${definition.queue}/${key}`, born: undefined, tenant, context };
      await runHandler(
        runtime,
        services,
        { handler: name, cause, attempt, timeoutMs: policy.timeoutMs, stop, about: known },
        // Not a copy, which would ask for the signal and the log that nobody may want.
        (context) => definition.handle(input, Object.assign(context, { message: about })),
      );
      return undefined;
    },
  };
}

/** The consumer that a queue's messages wait at. */
export function queueConsumer(queue: string): string {
  return `queue:${queue}`;
}

/** @throws HoldfastError `invalid-idempotency-key`: the worker's own function gave none */
function keyOf({ name, key }: WorkerDefinition, input: unknown): string | undefined {
  const made: unknown = key?.(input);
  if (key === undefined || (typeof made === "string" && made !== "")) return made as string | undefined;
  throw new HoldfastError("invalid-idempotency-key", `key of worker "${name}" must return a string that is not empty.`);
}

/** Without the parser's own words, which quote the body: this error is logged. */
function parseMessage(body: string, worker: string): JsonValue {
  try {
    return parseJson(body);
  } catch (error) {
    if (!isHoldfastError(error, "malformed-json")) throw error;
    throw new HoldfastError("malformed-json", `The message is not JSON that worker "${worker}" could read.`);
  }
}

/** @throws HoldfastError `malformed-json`, `validation-failed`: dead letters at once */
async function inputOf({ name, input }: WorkerDefinition, body: string): Promise<unknown> {
  const value = parseMessage(body, name);
  const result = await validate(input, value);
  if (!result.issues) return result.value;
  const [first] = result.issues;
  const where = first?.path.length ? ` at ${first.path.join(".")}` : "";
  throw new HoldfastError(
    "validation-failed",
    `The message is no input of worker "${name}"${where}: ${first?.message}`,
    {
      details: result.issues,
    },
  );
}
