import type { SubscriptionDefinition } from "../core/messaging/definition.ts";
import { deliveryOptionNames, deliveryPolicy } from "../core/messaging/policy.ts";
import { checkName, checkOptions, declarationError } from "../core/entity/names.ts";
import { isSchema, type Schema } from "../core/entity/schema.ts";
import { millisecondsOf } from "../core/machine/declare.ts";
import { drive } from "./driver.ts";
import { awakening, workflowEntity } from "./entity.ts";
import type { Signals, Workflow, WorkflowOptions, WorkflowRun } from "./types.ts";

const optionNames: ReadonlySet<string> = new Set([
  "input",
  "signals",
  "version",
  "run",
  "earlier",
  "deadline",
  "authorize",
  "history",
  ...deliveryOptionNames,
]);

/** `workflow` for an app whose handlers get `Services`. */
export type DeclareWorkflow<Services> = <const Name extends string, I extends Schema, O, const S extends Signals = {}>(
  name: Name,
  options: WorkflowOptions<Services, I, O, S>,
) => Workflow<Name, I, O, S, Services>;

/** As `holdfast<Services>()`: `const workflow = workflows<Services>()`, whose steps know their services. */
export function workflows<Services = undefined>(): DeclareWorkflow<Services> {
  return declareWorkflow;
}

/**
 * Declares a workflow: code that runs for as long as it takes, over crashes, restarts and months of waiting. What it does is
 * stored step by step; after a crash it goes on behind the last one.
 * @throws HoldfastError `invalid-declaration`
 */
export function declareWorkflow<Services, const Name extends string, I extends Schema, O, const S extends Signals = {}>(
  name: Name,
  options: WorkflowOptions<Services, I, O, S>,
): Workflow<Name, I, O, S, Services> {
  const what = `workflow "${name}"`;
  checkName("Workflow", name);
  checkOptions(what, options, optionNames);
  const {
    input,
    signals = {} as S,
    version = 1,
    run,
    earlier = {},
    deadline,
    authorize,
    history,
    ...delivery
  } = options;
  if (!isSchema(input)) throw declarationError(`The input of ${what} is not a Standard Schema.`);
  if (typeof run !== "function") throw declarationError(`The ${what} needs run: async (input, ctx) => ...`);
  if (!Number.isSafeInteger(version) || version < 1 || version > 1_000_000) {
    throw declarationError(`The version of ${what} is ${String(version)}; it must be a whole number from 1.`);
  }
  for (const [signal, schema] of Object.entries(signals)) {
    checkName(`Signal of ${what}`, signal);
    if (signal.length > 32) throw declarationError(`Signal "${signal}" of ${what} is longer than 32 characters.`);
    if (!isSchema(schema)) throw declarationError(`Signal "${signal}" of ${what} needs a Standard Schema.`);
  }
  type Code = WorkflowRun<unknown, unknown, unknown, never>;
  const codes = new Map<number, Code>([[version, run as unknown as Code]]);
  for (const [of, code] of Object.entries(earlier)) {
    const number = Number(of);
    if (!Number.isSafeInteger(number) || number < 1 || number >= version || typeof code !== "function") {
      throw declarationError(`earlier of ${what} has "${of}"; it holds the code of versions below ${version}.`);
    }
    codes.set(number, code as unknown as Code);
  }
  const policy = deliveryPolicy(what, { timeoutMs: 60_000, ...delivery });
  if (policy.timeoutMs < 5_000)
    throw declarationError(`timeoutMs of ${what} is ${policy.timeoutMs}; it needs 5,000 or more.`);
  const deadlineMs = deadline && millisecondsOf(`deadline of ${what}`, deadline);
  const definition = workflowEntity({
    name,
    input,
    signals,
    version,
    versions: [...codes.keys()],
    deadlineMs,
    authorize,
    history,
  });
  const driver: SubscriptionDefinition = {
    name,
    policy,
    from: "now",
    wants: new Map([[name, new Map(awakening.map((type) => [type, [new Map()]]))]]),
    handle: ({ tenant, subject: id }, { services, log, signal }, runtime, context) =>
      drive(
        { name, codes, timeoutMs: policy.timeoutMs },
        { runtime, services, tenant, id, context, log, stop: signal },
      ),
  };
  return { name, definition, events: { ended: { entity: name, type: "ended" } }, driver: { name, definition: driver } };
}
